import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setEnvironmentData, Worker } from "node:worker_threads";
import { later } from "../../src/core/protocol.ts";
import { createClock } from "../../src/node/clock.ts";
import { createGuard, type Guard, type GuardReport } from "../../src/node/command/guard.ts";
import { type Tree, treeOf } from "../../src/node/command/tree.ts";
import {
  contentOf,
  endProcess,
  isRunning,
  needsPidNamespace,
  numbersIn,
  startSupervisor,
  temporaryFolder,
  until,
} from "../support/processes.ts";

const clock = createClock();
let marks = 0;
const term = { K8S_AWAIT_ELECTION_TERM: "guard" };

function openGuard(t: TestContext): { guard: Guard; reports: GuardReport[]; thread: () => Worker } {
  const reports: GuardReport[] = [];
  let thread: Worker | undefined;
  const guard = createGuard({
    report: (it) => reports.push(it),
    startThread(start) {
      thread = new Worker(new URL("../../src/node/command/guard-worker.js", import.meta.url), {
        workerData: start,
        transferList: [start.port],
      });
      return thread;
    },
  });
  t.after(() => guard.close());
  return { guard, reports, thread: () => thread! };
}

function startSleeper(t: TestContext): Tree {
  marks += 1;
  const env = { ...process.env, K8S_AWAIT_ELECTION_TERM: `guard-${marks}` };
  const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore", env });
  t.after(() => endProcess(child.exitCode === null ? child.pid : undefined));
  return treeOf(child.pid!, `K8S_AWAIT_ELECTION_TERM=guard-${marks}`, false);
}

test("createGuard() confirms each new deadline once, and none that is taken away", async (t) => {
  const { guard, reports } = openGuard(t);
  const first = later(clock.now().instant, 60_000);
  const second = later(first, 1);
  guard.arm(first);
  guard.arm(first);
  guard.arm(second);
  guard.arm(undefined);
  guard.arm(first);
  await until(() => reports.length >= 3, "three deadlines are confirmed");
  assert.deepEqual(
    reports,
    [first, second, first].map((at) => ({ type: "guardReady", at })),
  );
});

test("createGuard() kills at the deadline and not before", async (t) => {
  const { guard, reports } = openGuard(t);
  const tree = startSleeper(t);
  guard.protect(tree);
  guard.arm(later(clock.now().instant, 60_000));
  await until(() => reports.length === 1, "the thread runs");
  const at = later(clock.now().instant, 600);
  guard.arm(at);
  while (clock.now().instant < at - 20) {
    assert.ok(isRunning(tree.root));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => reports.some((it) => it.type === "guardFired"), "the guard has fired");
  assert.ok(clock.now().instant >= at - 0.5);
  await until(() => !isRunning(tree.root), "the tree is dead");
});

test("createGuard() leaves the tree alone when the deadline is moved or taken away", async (t) => {
  const { guard, reports } = openGuard(t);
  const tree = startSleeper(t);
  guard.protect(tree);
  const first = later(clock.now().instant, 200);
  guard.arm(first);
  guard.arm(later(first, 100));
  guard.arm(undefined);
  const after = later(first, 200);
  const firing = startSleeper(t);
  const other = openGuard(t);
  other.guard.protect(firing);
  other.guard.arm(after);
  await until(() => other.reports.some((it) => it.type === "guardFired"), "a later guard fires");
  assert.ok(isRunning(tree.root));
  assert.equal(
    reports.some((it) => it.type === "guardFired"),
    false,
  );
});

test("createGuard() kills a tree that is handed over after the deadline", async (t) => {
  const { guard, reports } = openGuard(t);
  guard.arm(clock.now().instant);
  await until(() => reports.some((it) => it.type === "guardFired"), "the guard has fired");
  const tree = startSleeper(t);
  guard.protect(tree);
  await until(() => !isRunning(tree.root), "the tree is dead");
});

test("C7 createGuard() kills the whole tree while the loop is blocked", async (t) => {
  const folder = temporaryFolder(t);
  const script = `for i in 1 2 3; do setsid sh -c 'sleep 1000 & echo $! >> $DIR/pids'; done
    trap '' TERM; echo 1 > $DIR/ready; sleep 1000; sleep 1000`;
  const env = { ...process.env, DIR: folder };
  const supervisor = await startSupervisor(t, { argv: ["sh", "-c", script], env });
  const at = later(clock.now().instant, 1500);
  supervisor.order({ type: "guard", at });
  assert.equal((await supervisor.first("guardReady")).at, at);
  supervisor.order({ type: "start", addEnv: term });
  const { pid } = await supervisor.first("started");
  await until(() => contentOf(join(folder, "ready")) !== "", "the command is ready");
  const pids = [pid, ...numbersIn(join(folder, "pids"))];
  assert.equal(pids.length, 4);
  supervisor.order({ type: "block", ms: 3000 });
  await until(() => !pids.some(isRunning), "the tree is dead");
  const lateMs = clock.now().instant - at;
  assert.ok(lateMs > -15 && lateMs < 250, `${lateMs} ms after the deadline`);
  assert.equal(
    supervisor.reports.some((it) => it.type === "exited"),
    false,
    "the loop is still blocked",
  );
  await supervisor.first("guardFired");
  await supervisor.first("exited");
});

test("C7 createGuard() kills as PID 1, marks or no marks", needsPidNamespace(), async (t) => {
  const folder = temporaryFolder(t);
  const script = `env -i setsid sh -c 'sleep 1234.5 & exit'; echo 1 > "$DIR/ready"; sleep 1000`;
  const env = { ...process.env, DIR: folder };
  const supervisor = await startSupervisor(t, { argv: ["sh", "-c", script], asPid1: true, env });
  supervisor.order({ type: "start", addEnv: term });
  await until(() => contentOf(join(folder, "ready")) !== "", "the command is ready");
  supervisor.order({ type: "guard", at: later(clock.now().instant, 100) });
  await supervisor.first("guardReady");
  supervisor.order({ type: "block", ms: 1000 });
  await supervisor.first("guardFired");
  assert.deepEqual(await supervisor.first("exited"), { type: "exited", signal: "SIGKILL" });
});

test("C6 createGuard() kills at once when the thread cannot read its clock", async (t) => {
  const reports: GuardReport[] = [];
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const spoilt = `
    import os from "node:os";
    import { syncBuiltinESMExports } from "node:module";
    import { getEnvironmentData } from "node:worker_threads";
    const flag = getEnvironmentData("spoil");
    const { uptime } = os;
    os.uptime = () => (Atomics.load(flag, 0) === 1 ? Number.NaN : uptime());
    syncBuiltinESMExports();`;
  setEnvironmentData("spoil", flag);
  const guard = createGuard({
    report: (it) => reports.push(it),
    startThread: (start) =>
      new Worker(new URL("../../src/node/command/guard-worker.js", import.meta.url), {
        workerData: start,
        transferList: [start.port],
        execArgv: ["--import", `data:text/javascript,${encodeURIComponent(spoilt)}`],
      }),
  });
  t.after(() => guard.close());
  const tree = startSleeper(t);
  guard.protect(tree);
  guard.arm(later(clock.now().instant, 60_000));
  await until(() => reports.length === 1, "the deadline is confirmed");
  flag[0] = 1;
  await until(() => !isRunning(tree.root), "the tree is dead");
  await until(() => reports.length === 2, "the loss is reported");
  assert.equal(reports[1]?.type, "guardLost");
});

test("C8 createGuard() reports a thread that ends as lost, and says so again", async (t) => {
  const { guard, reports, thread } = openGuard(t);
  const at = later(clock.now().instant, 60_000);
  guard.arm(at);
  await until(() => reports.length === 1, "the deadline is confirmed");
  await thread().terminate();
  await until(() => reports.length === 2, "the loss is reported");
  const lost = { type: "guardLost", message: "the guard's thread has ended" };
  assert.deepEqual(reports[1], lost);
  guard.arm(later(at, 1));
  assert.deepEqual(reports[2], lost);
});

test("C8 createGuard() reports a thread that fails as lost, with its reason", async (t) => {
  const reports: GuardReport[] = [];
  const guard = createGuard({
    report: (it) => reports.push(it),
    startThread: () => new Worker("throw new Error('no memory')", { eval: true }),
  });
  t.after(() => guard.close());
  await until(() => reports.length > 0, "the loss is reported");
  assert.deepEqual(reports, [
    { type: "guardLost", message: "the guard's thread failed: Error: no memory" },
  ]);
});

test("C8 createGuard() reports a thread that stalls as lost", async (t) => {
  const reports: GuardReport[] = [];
  const stalled = `const { workerData } = require("node:worker_threads");
    workerData.port.postMessage({ type: "awake" });
    for (;;);`;
  const guard = createGuard({
    report: (it) => reports.push(it),
    startThread: (start) =>
      new Worker(stalled, { eval: true, workerData: start, transferList: [start.port] }),
  });
  t.after(() => guard.close());
  const armedMs = performance.now();
  guard.arm(later(clock.now().instant, 60_000));
  await until(() => reports.length > 0, "the loss is reported");
  assert.deepEqual(reports, [{ type: "guardLost", message: "the guard's thread has stalled" }]);
  assert.ok(performance.now() - armedMs >= 900);
});

test("createGuard() takes a blocked loop for no reason to doubt the thread", async (t) => {
  const { guard, reports } = openGuard(t);
  guard.arm(later(clock.now().instant, 60_000));
  const end = performance.now() + 2500;
  while (performance.now() < end);
  await until(() => reports.length > 0, "the deadline is confirmed");
  assert.equal(reports[0]?.type, "guardReady");
});

test("close() ends the thread without a report", async () => {
  const reports: GuardReport[] = [];
  const guard = createGuard({ report: (it) => reports.push(it) });
  await guard.close();
  assert.deepEqual(reports, []);
});
