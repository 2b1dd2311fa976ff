import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { readEnvironment, readProcess } from "../../src/node/command/processes.ts";
import {
  createKill,
  createScan,
  pauseAfterMs,
  type Tree,
  treeOf,
} from "../../src/node/command/tree.ts";
import {
  contentOf,
  endProcess,
  isRunning,
  numbersIn,
  temporaryFolder,
  until,
} from "../support/processes.ts";

/** Starts a shell script as a command would be, and waits until it has written its file `ready`. */
async function grow(t: TestContext, script: string): Promise<{ tree: Tree; folder: string }> {
  const folder = temporaryFolder(t);
  const mark = `K8S_AWAIT_ELECTION_TERM=${folder}`;
  const child = spawn("sh", ["-c", script], {
    detached: true,
    stdio: "ignore",
    env: { ...process.env, K8S_AWAIT_ELECTION_TERM: folder, DIR: folder },
  });
  t.after(() => endProcess(child.exitCode === null ? child.pid : undefined));
  const tree = treeOf(child.pid!, mark, false);
  await until(() => contentOf(join(folder, "ready")) !== "", "the script is ready");
  return { tree, folder };
}

function isBare(pid: number): boolean {
  return readEnvironment(pid)?.length === 0;
}

async function killed(tree: Tree, scan = createScan(tree)): Promise<void> {
  const kill = createKill(tree, scan);
  const startedMs = performance.now();
  for (let round = kill(); !round.isEmpty; round = kill()) {
    assert.ok(performance.now() - startedMs < 20_000, `alive: ${round.alive.join(" ")}`);
    await pause(pauseAfterMs(round, performance.now() - startedMs));
  }
}

test("createScan() finds children, other groups of the session and marked orphans", async (t) => {
  const { tree, folder } = await grow(
    t,
    `set -m; sleep 1000 & echo $! >> $DIR/pids; set +m
     setsid sh -c 'sleep 1000 & echo $! >> $DIR/pids'
     setsid sleep 1000 & echo $! >> $DIR/pids
     (sleep 1000 & echo $! >> $DIR/pids)
     echo 1 > $DIR/ready; wait`,
  );
  const pids = numbersIn(join(folder, "pids"));
  const { alive } = createScan(tree)();
  const found = alive.map((it) => it.pid);
  assert.deepEqual(new Set(found), new Set([tree.root, ...pids]));
  assert.equal(found.length, pids.length + 1);
  await killed(tree);
  assert.deepEqual(pids.filter(isRunning), []);
});

test("createScan() leaves strangers alone, the test's own children among them", async (t) => {
  const stranger = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
  t.after(() => endProcess(stranger.pid));
  const { tree } = await grow(t, "echo 1 > $DIR/ready; exec sleep 1000");
  const younger = spawn("sleep", ["1000"], {
    detached: true,
    stdio: "ignore",
    env: { ...process.env, K8S_AWAIT_ELECTION_TERM: `${tree.mark.split("=")[1]!}0` },
  });
  t.after(() => endProcess(younger.pid));
  assert.deepEqual(
    createScan(tree)().alive.map((it) => it.pid),
    [tree.root],
  );
  await killed(tree);
  assert.ok(isRunning(stranger.pid!) && isRunning(younger.pid!));
});

test("createScan() remembers a member that loses its parent, its session and its mark", async (t) => {
  const { tree, folder } = await grow(
    t,
    `mkfifo $DIR/fifo
     sh -c 'env -i setsid sleep 1000 & echo $! >> $DIR/pids; echo 1 > $DIR/ready; read x < $DIR/fifo' &
     wait; exec sleep 1000`,
  );
  const [pid] = numbersIn(join(folder, "pids")) as [number];
  await until(() => readProcess(pid)?.session === pid, "the daemon has its own session");
  const scan = createScan(tree);
  assert.ok(scan().alive.some((it) => it.pid === pid));
  const { parent } = readProcess(pid)!;
  endProcess(parent);
  await until(() => !isRunning(parent), "the parent has ended");
  assert.ok(scan().alive.some((it) => it.pid === pid));
  await killed(tree, scan);
  assert.equal(isRunning(pid), false);
});

test("createScan() finds orphans without a mark in the sessions of members", async (t) => {
  // The newer are looked at before the daemon whose session they are in.
  const orphan = "(env -i sleep 1000 & echo $! >> $DIR/pids)";
  const { tree, folder } = await grow(
    t,
    `setsid sh -c 'sleep 1000 & echo $! >> $DIR/pids; ${orphan}'; ${orphan}; echo 1 > $DIR/ready`,
  );
  await until(() => !isRunning(tree.root), "the command has ended");
  const pids = numbersIn(join(folder, "pids"));
  assert.equal(pids.length, 3);
  await until(() => pids.filter(isBare).length === 2, "two have their own environment");
  const found = createScan(tree)().alive.map((it) => it.pid);
  assert.deepEqual(new Set(found), new Set(pids));
  await killed(tree);
  assert.deepEqual(pids.filter(isRunning), []);
});

test("createScan() remembers a member that leaves its session after it was seen", async (t) => {
  const { tree, folder } = await grow(
    t,
    `mkfifo $DIR/fifo
     (env -i DIR=$DIR PATH=$PATH sh -c 'read x < $DIR/fifo; exec setsid sleep 1000' & echo $! >> $DIR/pids)
     echo 1 > $DIR/ready; exec sleep 1000`,
  );
  const [pid] = numbersIn(join(folder, "pids")) as [number];
  const scan = createScan(tree);
  assert.ok(scan().alive.some((it) => it.pid === pid));
  writeFileSync(join(folder, "fifo"), "go\n");
  await until(() => readProcess(pid)?.session === pid, "it has a session of its own");
  assert.ok(scan().alive.some((it) => it.pid === pid));
  await killed(tree, scan);
  assert.equal(isRunning(pid), false);
});

test("createScan() takes nothing that is older than the command", async (t) => {
  const { tree } = await grow(t, "echo 1 > $DIR/ready; exec sleep 1000");
  const later = { ...tree, startTicks: tree.startTicks + 1 };
  assert.deepEqual(createScan(later)().alive, []);
  createKill(later)();
  assert.ok(createScan(tree)().alive.length === 1, "its pid was given again, and its group too");
  await killed(tree);
});

test("P8 createKill() ends 200 daemons that forked twice into sessions of their own", async (t) => {
  const { tree, folder } = await grow(
    t,
    `for i in $(seq 200); do setsid sh -c 'sleep 1000 & echo $! >> $DIR/pids'; done
     echo 1 > $DIR/ready; exec sleep 1000`,
  );
  const pids = numbersIn(join(folder, "pids"));
  assert.equal(pids.length, 200);
  await killed(tree);
  assert.deepEqual([tree.root, ...pids].filter(isRunning), []);
});

test("P8 createKill() ends daemons although the command has ended before", async (t) => {
  const { tree, folder } = await grow(
    t,
    `for i in 1 2 3; do setsid sh -c 'sleep 1000 & echo $! >> $DIR/pids'; done; echo 1 > $DIR/ready`,
  );
  await until(() => !isRunning(tree.root), "the command has ended");
  const pids = numbersIn(join(folder, "pids"));
  await killed(tree);
  assert.deepEqual(pids.filter(isRunning), []);
});

test("P9 createKill() ends what forks all the time, in the group and out of it", async (t) => {
  const { tree, folder } = await grow(
    t,
    `echo 'setsid sh $DIR/hop & exit' > $DIR/hop
     for i in 1 2 3 4 5; do sh $DIR/hop; done
     for i in 1 2 3; do (while :; do sleep 1000 & kill $!; done) & done
     echo 1 > $DIR/ready; exec sleep 1000`,
  );
  await killed(tree);
  assert.deepEqual(createScan(tree)().alive, []);
  assert.notEqual(folder, "");
});

test("createKill() ends stopped processes and those that ignore SIGTERM", async (t) => {
  const { tree } = await grow(
    t,
    `trap '' TERM HUP INT; sh -c 'kill -STOP $$; sleep 1000' & sleep 1000 & echo 1 > $DIR/ready; wait`,
  );
  await killed(tree);
  assert.equal(isRunning(tree.root), false);
});

test("readProcess() tells the living from the dead and the absent", async (t) => {
  const { tree } = await grow(t, "echo 1 > $DIR/ready; sleep 1000 & wait");
  assert.equal(readProcess(tree.root)?.isAlive, true);
  assert.equal(readProcess(2 ** 30), undefined);
  await killed(tree);
  // Not reaped yet or gone: neither is alive.
  assert.equal(isRunning(tree.root), false);
});
