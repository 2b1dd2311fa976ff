import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Command, type CommandReport, createCommand } from "../../src/node/command/command.ts";
import { findCommand } from "../../src/node/command/executable.ts";
import type { Tree } from "../../src/node/command/tree.ts";
import {
  contentOf,
  isRunning,
  needsPidNamespace,
  numbersIn,
  startSupervisor,
  temporaryFolder,
  until,
} from "../support/processes.ts";

const term = { K8S_AWAIT_ELECTION_TERM: "4711" };

interface Stage {
  readonly command: Command;
  readonly reports: CommandReport[];
  readonly trees: (Tree | undefined)[];
  readonly folder: string;
}

function stage(t: TestContext, argv: readonly string[], env: NodeJS.ProcessEnv = {}): Stage {
  const folder = temporaryFolder(t);
  const reports: CommandReport[] = [];
  const trees: (Tree | undefined)[] = [];
  const command = createCommand({
    argv,
    isPid1: false,
    report: (it) => reports.push(it),
    protect: (it) => trees.push(it),
    env: { ...process.env, DIR: folder, ...env },
  });
  t.after(async () => {
    if (!has(reports, "emptied")()) command.kill();
    await until(has(reports, "emptied"), "the tree is empty");
  });
  return { command, reports, trees, folder };
}

function has(reports: readonly CommandReport[], type: CommandReport["type"]): () => boolean {
  return () => reports.some((it) => it.type === type);
}

async function outcomeOf(t: TestContext, script: string): Promise<CommandReport | undefined> {
  const { command, reports } = stage(t, ["sh", "-c", script]);
  command.start(term);
  await until(has(reports, "exited"), "the command has ended");
  return reports[1];
}

test("P6 start() reports each exit code", async (t) => {
  for (const code of [0, 1, 2, 7, 126, 127, 128, 137, 143, 255]) {
    assert.deepEqual(await outcomeOf(t, `exit ${code}`), { type: "exited", code });
  }
});

test("P6 start() reports each fatal signal", async (t) => {
  const harmless = [
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGWINCH",
  ];
  const aliases = ["SIGIOT", "SIGPOLL", "SIGUNUSED"];
  for (const [signal, number] of Object.entries(constants.signals)) {
    if (harmless.includes(signal) || aliases.includes(signal)) continue;
    const outcome = await outcomeOf(t, `ulimit -c 0; kill -${number} $$`);
    assert.deepEqual(outcome, { type: "exited", signal }, signal);
  }
});

test("start() gives a session of its own, the first word, the variables and no signal ignored", async (t) => {
  const script = `exec > $DIR/out; cut -d' ' -f1,5,6 /proc/$$/stat; echo "$0 $*"
    echo $K8S_AWAIT_ELECTION_TERM; grep -E 'SigBlk|SigIgn' /proc/self/status`;
  const { command, reports, trees, folder } = stage(t, ["sh", "-c", script, "the name", "a b", ""]);
  command.start(term);
  await until(has(reports, "exited"), "the command has ended");
  const pid = reports[0]?.type === "started" ? reports[0].pid : 0;
  const lines = contentOf(join(folder, "out")).split("\n");
  assert.deepEqual(lines.slice(0, 3), [`${pid} ${pid} ${pid}`, "the name a b ", "4711"]);
  assert.match(lines[3]!, /SigBlk:\t0+$/);
  assert.match(lines[4]!, /SigIgn:\t0+$/);
  assert.equal(trees[0]?.root, pid);
});

test("P7 start() names what cannot be started, before and at the start", (t) => {
  const folder = temporaryFolder(t);
  const file = (name: string, content: string | Buffer, mode: number) => {
    writeFileSync(join(folder, name), content);
    chmodSync(join(folder, name), mode);
  };
  file("plain", "echo", 0o644);
  file("bad", "\x7fELF, but not really", 0o755);
  const foreign = Buffer.alloc(64);
  foreign.write("\x7fELF\x02\x01\x01", "latin1");
  foreign[18] = 0xf7;
  file("foreign", foreign, 0o755);
  mkdirSync(join(folder, "directory"));
  const cases: readonly (readonly [string, string])[] = [
    ["no-such-command", "ENOENT"],
    ["", "ENOENT"],
    [join(folder, "missing"), "ENOENT"],
    [folder, "EISDIR"],
    ["directory", "ENOENT"],
    ["plain", "EACCES"],
    [join(folder, "plain"), "EACCES"],
    [join(folder, "plain", "below"), "ENOTDIR"],
    ["bad", "ENOEXEC"],
    ["foreign", "ENOEXEC"],
  ];
  for (const [argv0, errno] of cases) {
    const env = { PATH: `${folder}:/bin:/usr/bin` };
    const problem = findCommand(argv0, env);
    assert.equal(problem?.errno, errno, argv0);
    assert.ok(problem.message.startsWith(`Cannot start "${argv0}": `));
    const { command, reports } = stage(t, [argv0, "--password=secret"], env);
    command.start(term);
    assert.deepEqual(reports, [{ type: "startFailed", ...problem }]);
    assert.doesNotMatch(problem.message, /secret/);
  }
});

test("P7 start() names what only the kernel can tell", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "script"), "#!/no/such/interpreter\n", { mode: 0o755 });
  const without = stage(t, [join(folder, "script")]);
  without.command.start(term);
  await until(has(without.reports, "startFailed"), "the failure is reported");
  assert.deepEqual(without.reports, [
    {
      type: "startFailed",
      errno: "ENOENT",
      message: `Cannot start "${join(folder, "script")}": its interpreter is not found (ENOENT)`,
    },
  ]);
  const long = stage(t, ["true", "x".repeat(200_000)]);
  long.command.start(term);
  await until(has(long.reports, "startFailed"), "the failure is reported");
  assert.equal(long.reports[0]?.type === "startFailed" && long.reports[0].errno, "E2BIG");
});

test("findCommand() looks as execvp does", (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "sh"), "");
  assert.equal(findCommand("sh", { PATH: `${folder}:/nowhere:/bin` }), undefined);
  assert.equal(findCommand("sh", {}), undefined);
  assert.equal(findCommand("sh", { PATH: folder })?.errno, "EACCES");
  assert.equal(findCommand("sh", { PATH: "/bin/sh:/nowhere" })?.errno, "ENOENT");
});

test("signal() reaches the command's group, and kill() ends what ignores it", async (t) => {
  const script = `trap 'echo 1 >> $DIR/got' TERM
    (trap 'echo 2 >> $DIR/got' TERM; echo 1 >> $DIR/ready; while :; do sleep 0.01; done) &
    echo 1 >> $DIR/ready; while :; do sleep 0.01; done`;
  const { command, reports, trees, folder } = stage(t, ["sh", "-c", script]);
  command.start(term);
  await until(() => numbersIn(join(folder, "ready")).length === 2, "the command is ready");
  command.signal("SIGTERM");
  const got = () => numbersIn(join(folder, "got")).sort((a, b) => a - b);
  await until(() => got().length === 2, "both processes have the signal");
  assert.deepEqual(got(), [1, 2]);
  command.kill();
  await until(has(reports, "emptied"), "the tree is empty");
  assert.deepEqual(reports.slice(1), [{ type: "exited", signal: "SIGKILL" }, { type: "emptied" }]);
  assert.equal(trees.length, 2);
  assert.equal(trees[1], undefined);
});

test("kill() answers each order with one emptied, also with no command", async (t) => {
  const { command, reports } = stage(t, ["sleep", "1000"]);
  command.kill();
  assert.deepEqual(reports, [{ type: "emptied" }]);
  command.start(term);
  command.kill();
  command.kill();
  await until(() => reports.length >= 5, "both orders are answered");
  assert.deepEqual(
    reports.slice(2).map((it) => it.type),
    ["exited", "emptied", "emptied"],
  );
  command.signal("SIGTERM");
  command.start(term);
  command.kill();
  await until(() => reports.length >= 8, "a second command has come and gone");
});

test("P8 kill() ends 200 daemons before it reports the tree empty", async (t) => {
  const script = `for i in $(seq 200); do setsid sh -c 'sleep 1000 & echo $! >> $DIR/pids'; done
    echo 1 > $DIR/ready`;
  const { command, reports, folder } = stage(t, ["sh", "-c", script]);
  command.start(term);
  await until(has(reports, "exited"), "the command has ended");
  const pids = numbersIn(join(folder, "pids"));
  assert.equal(pids.filter(isRunning).length, 200);
  command.kill();
  await until(has(reports, "emptied"), "the tree is empty");
  assert.deepEqual(pids.filter(isRunning), []);
});

test("start() refuses a second tree beside the first", async (t) => {
  const { command } = stage(t, ["true"]);
  command.start(term);
  assert.throws(() => command.start(term), /Cannot start: the tree is not empty/);
});

test("start() leaves standard input to the command", async (t) => {
  const folder = temporaryFolder(t);
  const env = { ...process.env, DIR: folder };
  const argv = ["sh", "-c", "readlink /proc/$$/fd/0 > $DIR/out"];
  const supervisor = await startSupervisor(t, { argv, env });
  supervisor.order({ type: "start", addEnv: term });
  await supervisor.first("exited");
  assert.equal(contentOf(join(folder, "out")), "/dev/null\n");
});

test(
  "P18 kill() as PID 1 ends what has neither mark, session nor parent",
  needsPidNamespace(),
  async (t) => {
    const folder = temporaryFolder(t);
    const env = { ...process.env, DIR: folder };
    const script = `env -i setsid sh -c 'sleep 1000 & exit'; echo 1 > $DIR/ready; exec sleep 1000`;
    const supervisor = await startSupervisor(t, { argv: ["sh", "-c", script], asPid1: true, env });
    supervisor.order({ type: "start", addEnv: term });
    await until(() => contentOf(join(folder, "ready")) !== "", "the command is ready");
    supervisor.order({ type: "kill" });
    await supervisor.first("emptied");
    assert.deepEqual(
      supervisor.reports.map((it) => it.type),
      ["tick", "started", "exited", "emptied"],
    );
    supervisor.order({ type: "exit", code: 7 });
    assert.equal((await supervisor.ended).code, 7);
  },
);

test(
  "P13 a host that is PID 1 takes the tree along when it is killed",
  needsPidNamespace(),
  async (t) => {
    const folder = temporaryFolder(t);
    const env = { ...process.env, DIR: folder };
    // A lock that nobody holds any more says that every process of the tree has ended.
    const script = "exec 9> $DIR/lock; flock 9; setsid sleep 1000 & echo 1 > $DIR/ready; wait";
    const supervisor = await startSupervisor(t, { argv: ["sh", "-c", script], asPid1: true, env });
    supervisor.order({ type: "start", addEnv: term });
    await until(() => contentOf(join(folder, "ready")) !== "", "the command is ready");
    const [host] = numbersIn(`/proc/${supervisor.child.pid}/task/${supervisor.child.pid}/children`);
    process.kill(host!, "SIGKILL");
    await supervisor.ended;
    const { reports, command } = stage(t, ["flock", "-n", join(folder, "lock"), "true"]);
    command.start(term);
    await until(has(reports, "exited"), "the lock was tried");
    assert.deepEqual(reports[1], { type: "exited", code: 0 });
  },
);
test("become() reports only a failure", async (t) => {
  const { command, reports } = stage(t, ["no-such-command"]);
  command.become();
  assert.deepEqual(reports, [
    {
      type: "becomeFailed",
      errno: "ENOENT",
      message: 'Cannot start "no-such-command": not found (ENOENT)',
    },
  ]);
});
