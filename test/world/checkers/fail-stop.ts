/** S14: whose watchdog is lost kills its tree in that step, starts none, and leaves with a failure. */
import type { Process, Step, Witness } from "../witness.ts";
import type { Verdicts } from "./verdicts.ts";

export class FailStop implements Witness {
  readonly rule = "S14";
  readonly #verdicts: Verdicts;
  readonly #lost = new WeakSet<Process>();

  constructor(verdicts: Verdicts) {
    this.#verdicts = verdicts;
  }

  stepped({ process, report, orders, before }: Step): void {
    if (report?.type === "guardLost" && before?.name === "running") {
      this.#lost.add(process);
      const { tree } = process;
      const isKilled = tree === undefined || tree.killedAtMs !== undefined;
      if (!isKilled && !orders.some(({ type }) => type === "kill")) {
        this.#verdicts.violated("S14", `${process.id} goes on without a watchdog`);
      }
    }
    if (!this.#lost.has(process)) return;
    for (const order of orders) {
      if (order.type === "start") {
        this.#verdicts.violated("S14", `${process.id} starts without a watchdog`);
      }
      if (order.type === "exit" && order.code === 0) {
        this.#verdicts.violated("S14", `${process.id} leaves with code 0`);
      }
    }
  }
}
