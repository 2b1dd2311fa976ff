/** S12: a release takes out the record of its own term, and no other. */
import type { Witness } from "../witness.ts";
import type { Ledger, Sent } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

export function scope(verdicts: Verdicts, ledger: Ledger): Witness {
  const releases = new Map<string, Sent>();
  return {
    stepped({ process }) {
      const { sent } = ledger;
      if (sent?.kind === "release") releases.set(`${process.id} ${sent.id}`, sent);
    },

    committed({ by, id, before }) {
      const sent = releases.get(`${by} ${id}`);
      if (sent === undefined || before === undefined) return;
      const isOwn = before.termMark === sent.lease.termMark && before.holder !== "";
      if (isOwn) return;
      verdicts.violated("S12", `${by} releases the record of ${before.holder}`);
    },
  };
}
