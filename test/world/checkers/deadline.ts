/**
 * S3: the watchdog is armed for no later than H of the last confirmed write, before the command
 * starts; and by H + W + κ the tree is gone.
 */
import { type Instant, later } from "../../../src/core/protocol.ts";
import { watchdogLatenessMs } from "../process.ts";
import { deathMs, type Tree } from "../tree.ts";
import type { Process, Step, Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

const graceMs = watchdogLatenessMs + deathMs + 1;

export class Deadline implements Witness {
  readonly rule = "S3";
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;
  /** What the watchdog was last told, and whether it said so. */
  readonly #armed = new WeakMap<Process, { readonly at: Instant; isReady: boolean }>();

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  stepped({ process, report, orders }: Step): void {
    const { confirmedAt } = this.#ledger.of(process);
    const armed = this.#armed.get(process);
    if (report?.type === "guardReady" && armed?.at === report.at) armed.isReady = true;
    for (const order of orders) {
      if (order.type === "start" && this.#armed.get(process)?.isReady !== true) {
        this.#verdicts.violated("S3", `${process.id} starts without a watchdog`);
      }
      if (order.type !== "guard") continue;
      if (order.at === undefined) {
        this.#armed.delete(process);
        if (process.tree === undefined) continue;
        this.#verdicts.violated("S3", `${process.id} disarms the watchdog of a living tree`);
      } else {
        this.#armed.set(process, { at: order.at, isReady: false });
        const late =
          confirmedAt === undefined
            ? Infinity
            : order.at - later(confirmedAt, process.timing.killMs);
        if (late <= 0) continue;
        this.#verdicts.violated("S3", `${process.id} moves H ${late.toFixed(0)} ms too far`);
      }
    }
  }

  emptied(tree: Tree, process?: Process): void {
    if (process === undefined) return;
    const { confirmedAt } = this.#ledger.of(process);
    if (confirmedAt === undefined) return;
    const { machine, timing } = process;
    const lateMs =
      machine.now().instant - later(confirmedAt, timing.killMs + graceMs * machine.rate);
    const isStuck = tree.stuckUntilMs > this.#verdicts.nowMs - graceMs;
    const isWaking = this.#verdicts.nowMs - machine.wokeAtMs <= graceMs;
    if (lateMs <= 0 || isStuck || isWaking || machine.sleeps) return;
    this.#verdicts.violated(
      "S3",
      `${process.id}'s tree lives ${lateMs.toFixed(0)} ms beyond H + W + κ`,
    );
  }
}
