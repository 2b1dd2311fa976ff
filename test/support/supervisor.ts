/** The process half of the Node host, driven by a test: orders come in and reports go out as IPC. */
import type { Order, Report } from "../../src/core/protocol.ts";
import { createCommand } from "../../src/node/command/command.ts";
import { endAs } from "../../src/node/command/ending.ts";
import { createGuard } from "../../src/node/command/guard.ts";
import { listenForSignals } from "../../src/node/signals.ts";

const report = (it: Report) => void process.send?.(it);
const guard = createGuard({ report });
const command = createCommand({
  argv: process.argv.slice(2),
  isPid1: process.pid === 1,
  report,
  protect: (tree) => guard.protect(tree),
});
const stopListening = listenForSignals(report);

process.on("message", (order: Order | { readonly type: "block"; readonly ms: number }) => {
  if (order.type === "start") command.start(order.addEnv);
  else if (order.type === "signal") command.signal(order.signal);
  else if (order.type === "kill") command.kill();
  else if (order.type === "guard") guard.arm(order.at);
  else if (order.type === "exit") endAs(order);
  else if (order.type === "become") {
    command.become();
    stopListening();
  } else if (order.type === "block") block(order.ms);
});
report({ type: "tick" });

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
