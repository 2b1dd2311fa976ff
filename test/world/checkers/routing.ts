/** S11: Endpoints name our pod only while B < G, by a write with the version that was read. */
import { later } from "../../../src/core/protocol.ts";
import type { Step, Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

export class Routing implements Witness {
  readonly rule = "S11";
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  stepped({ process, orders, now }: Step): void {
    for (const order of orders) {
      if (order.type !== "request" || !order.path.includes("/endpoints")) continue;
      if (order.method === "GET") continue;
      const body = JSON.parse(order.body ?? "null") as {
        metadata: { resourceVersion?: string };
        subsets?: readonly unknown[];
      };
      const hasVersion = (body.metadata.resourceVersion ?? "") !== "";
      if (order.method === "PUT" && !hasVersion) {
        this.#verdicts.violated("S11", `${process.id} overwrites Endpoints blindly`);
      }
      const { confirmedAt } = this.#ledger.of(process);
      const names = (body.subsets?.length ?? 0) > 0;
      const isInTime =
        confirmedAt !== undefined && now.instant < later(confirmedAt, process.timing.stopMs);
      if (!names || isInTime) continue;
      this.#verdicts.violated("S11", `${process.id} publishes itself after G`);
    }
  }
}
