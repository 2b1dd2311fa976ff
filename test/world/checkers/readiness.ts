/**
 * L11: a command that was never ready is asked to stop when its start timeout is over, in that very step.
 */
import { type Instant, later, type Order } from "../../../src/core/protocol.ts";
import type { Process, Witness } from "../witness.ts";
import type { Verdicts } from "./verdicts.ts";

export function readiness(verdicts: Verdicts): Witness {
  /** Since when a command runs that was neither ready yet nor asked to stop. */
  const since = new WeakMap<Process, Instant>();
  const stopped = new WeakSet<Process>();

  return {
    stepped({ process, report, orders, now }) {
      const limitMs = Number(process.facts.variables["K8S_AWAIT_ELECTION_START_TIMEOUT"]) * 1000;
      if (Number.isNaN(limitMs)) return;
      if (report?.type === "started" && !stopped.has(process)) since.set(process, now.instant);
      if (report?.type === "probed" && report.ok) since.delete(process);
      if (orders.some(({ type }) => type === "start")) stopped.delete(process);
      if (orders.some(stops)) {
        stopped.add(process);
        since.delete(process);
      }
      const startedAt = since.get(process);
      if (startedAt === undefined || now.instant < later(startedAt, limitMs)) return;
      since.delete(process);
      verdicts.violated("L11", `${process.id} goes on with a command that was never ready`);
    },
  };
}

function stops(order: Order): boolean {
  return order.type === "kill" || (order.type === "signal" && order.signal === "SIGTERM");
}
