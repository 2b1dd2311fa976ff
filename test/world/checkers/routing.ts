/** S11: Endpoints name our pod only while B < G, by a write with the version that was read. */
import { later } from "../../../src/core/protocol.ts";
import type { Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

export function routing(verdicts: Verdicts, ledger: Ledger): Witness {
  return {
    stepped({ process, orders, now }) {
      for (const order of orders) {
        if (order.type !== "request" || !order.path.includes("/endpoints")) continue;
        if (order.method === "GET") continue;
        const body = JSON.parse(order.body ?? "null") as {
          metadata: { resourceVersion?: string };
          subsets?: readonly unknown[];
        };
        const hasVersion = (body.metadata.resourceVersion ?? "") !== "";
        if (order.method === "PUT" && !hasVersion) {
          verdicts.violated("S11", `${process.id} overwrites Endpoints blindly`);
        }
        const { confirmedAt } = ledger.of(process);
        const names = (body.subsets?.length ?? 0) > 0;
        const isInTime =
          confirmedAt !== undefined && now.instant < later(confirmedAt, process.timing.stopMs);
        if (!names || isInTime) continue;
        verdicts.violated("S11", `${process.id} publishes itself after G`);
      }
    },
  };
}
