/**
 * S3: the watchdog is armed for no later than H of the last confirmed write, before the command
 * starts; and by H + W + κ the tree is gone.
 */
import { type Instant, later, type Order } from "../../../src/core/protocol.ts";
import { watchdogLatenessMs } from "../process.ts";
import { deathMs } from "../tree.ts";
import type { Process, Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

const graceMs = watchdogLatenessMs + deathMs + 1;

export function deadline(verdicts: Verdicts, ledger: Ledger): Witness {
  /** What the watchdog was last told, and whether it said so. */
  const armed = new WeakMap<Process, { readonly at: Instant; isReady: boolean }>();

  function move(process: Process, { at }: Extract<Order, { type: "guard" }>): void {
    if (at === undefined) {
      armed.delete(process);
      if (process.tree === undefined) return;
      verdicts.violated("S3", `${process.id} disarms the watchdog of a living tree`);
      return;
    }
    armed.set(process, { at, isReady: false });
    const { confirmedAt } = ledger.of(process);
    const lateMs =
      confirmedAt === undefined ? Infinity : at - later(confirmedAt, process.timing.killMs);
    if (lateMs <= 0) return;
    verdicts.violated("S3", `${process.id} moves H ${lateMs.toFixed(0)} ms too far`);
  }

  return {
    stepped({ process, report, orders }) {
      const told = armed.get(process);
      if (report?.type === "guardReady" && told?.at === report.at) told.isReady = true;
      for (const order of orders) {
        if (order.type === "guard") move(process, order);
        if (order.type !== "start" || armed.get(process)?.isReady === true) continue;
        verdicts.violated("S3", `${process.id} starts without a watchdog`);
      }
    },

    emptied(tree, process) {
      if (process === undefined) return;
      const { confirmedAt } = ledger.of(process);
      if (confirmedAt === undefined) return;
      const { machine, timing } = process;
      const lateMs =
        machine.now().instant - later(confirmedAt, timing.killMs + graceMs * machine.rate);
      const isStuck = tree.stuckUntilMs > verdicts.nowMs - graceMs;
      const isWaking = verdicts.nowMs - machine.wokeAtMs <= graceMs;
      if (lateMs <= 0 || isStuck || isWaking || machine.sleeps) return;
      const late = `${lateMs.toFixed(0)} ms`;
      verdicts.violated("S3", `${process.id}'s tree lives ${late} beyond H + W + κ`);
    },
  };
}
