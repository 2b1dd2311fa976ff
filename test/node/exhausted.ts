/**
 * A host that has run out of file descriptors, with its loop blocked past the guard's deadline. Prints
 * the state of the command's process then; it is run with a small limit by guard-exhausted.test.ts.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { createClock } from "../../src/node/clock.ts";
import { createCommand } from "../../src/node/command/command.ts";
import { createGuard } from "../../src/node/command/guard.ts";
import { later } from "../../src/core/protocol.ts";

const beforeDeadlineMs = 600;
const blockedMs = 1500;

let pid = 0;
const guard = createGuard({ report: ({ type }) => type === "guardReady" && block() });
const command = createCommand({
  argv: ["sleep", "60"],
  isPid1: false,
  protect: (tree) => guard.protect(tree),
  report: (report) => {
    if (report.type === "started") pid = report.pid;
  },
});
command.start({ K8S_AWAIT_ELECTION_TERM: `exhausted-${process.pid}` });
guard.arm(later(createClock().now().instant, beforeDeadlineMs));

function block(): void {
  const taken = takeDescriptors();
  const end = performance.now() + blockedMs;
  while (performance.now() < end);
  closeSync(taken.pop() ?? 0);
  const [, state] = /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
  process.stdout.write(`${taken.length > 0 ? "exhausted" : "not exhausted"}: ${state}\n`);
  if (state !== "Z") process.kill(pid, "SIGKILL");
  process.exit(0);
}

function takeDescriptors(): number[] {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch {
    return taken;
  }
}
