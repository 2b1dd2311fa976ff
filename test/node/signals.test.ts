import assert from "node:assert/strict";
import { test } from "node:test";
import type { Report } from "../../src/core/protocol.ts";
import { catchableSignals, listenForSignals } from "../../src/node/signals.ts";
import { needsPidNamespace, startSupervisor, until } from "../support/processes.ts";

test("P4 listenForSignals() reports each signal, in order, and the host lives on", async (t) => {
  const supervisor = await startSupervisor(t, { argv: ["true"] });
  for (const signal of catchableSignals) {
    const count = supervisor.reports.length;
    process.kill(supervisor.child.pid!, signal);
    await until(() => supervisor.reports.length > count, `${signal} is reported`);
  }
  const seen = supervisor.reports.filter((it) => it.type === "signalled").map((it) => it.signal);
  assert.deepEqual(seen, catchableSignals);
});

test("P5 listenForSignals() is neither stopped by SIGTSTP nor debugged by SIGUSR1", async (t) => {
  const supervisor = await startSupervisor(t, { argv: ["true"] });
  for (const signal of ["SIGUSR1", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGTERM"] as const) {
    process.kill(supervisor.child.pid!, signal);
  }
  const hasTerm = () =>
    supervisor.reports.some((it) => it.type === "signalled" && it.signal === "SIGTERM");
  await until(hasTerm, "a report after the stop signals");
});

test("listenForSignals() takes no signal that is meant for the host itself", () => {
  const own = ["SIGCHLD", "SIGPIPE", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP"];
  assert.deepEqual(
    catchableSignals.filter((it) => own.includes(it)),
    [],
  );
});

test("listenForSignals() returns its undoing", () => {
  const before = catchableSignals.map((it) => process.listenerCount(it));
  const reports: Report[] = [];
  const stop = listenForSignals((it) => reports.push(it));
  stop();
  assert.deepEqual(
    catchableSignals.map((it) => process.listenerCount(it)),
    before,
  );
});

test("P1 listenForSignals() hears signals as PID 1", needsPidNamespace(), async (t) => {
  const supervisor = await startSupervisor(t, {
    argv: ["sh", "-c", "kill -TERM 1; sleep 1000"],
    asPid1: true,
  });
  supervisor.order({ type: "start", addEnv: { K8S_AWAIT_ELECTION_TERM: "signals" } });
  assert.equal((await supervisor.first("signalled")).signal, "SIGTERM");
  supervisor.order({ type: "kill" });
  await supervisor.first("emptied");
});
