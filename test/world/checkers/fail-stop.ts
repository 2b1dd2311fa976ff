/** S14: whose watchdog is lost kills its tree in that step, starts none, and leaves with a failure. */
import type { Process, Witness } from "../witness.ts";
import type { Verdicts } from "./verdicts.ts";

export function failStop(verdicts: Verdicts): Witness {
  const lost = new WeakSet<Process>();
  return {
    stepped({ process, report, orders, before }) {
      if (report?.type === "guardLost" && before?.name === "running") {
        lost.add(process);
        const { tree } = process;
        const isKilled = tree === undefined || tree.killedAtMs !== undefined;
        if (!isKilled && !orders.some(({ type }) => type === "kill")) {
          verdicts.violated("S14", `${process.id} goes on without a watchdog`);
        }
      }
      if (!lost.has(process)) return;
      for (const order of orders) {
        if (order.type === "start") {
          verdicts.violated("S14", `${process.id} starts without a watchdog`);
        }
        if (order.type === "exit" && order.code === 0) {
          verdicts.violated("S14", `${process.id} leaves with code 0`);
        }
      }
    },
  };
}
