/**
 * S2: a command starts only after the 2xx to our own claim of this candidacy, at least a second before
 * G, with the previous tree empty and no release of ours unanswered.
 */
import { later } from "../../../src/core/protocol.ts";
import { startMarginMs } from "../../../src/core/timing.ts";
import type { Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

export function startGate(verdicts: Verdicts, ledger: Ledger): Witness {
  return {
    stepped({ process, orders, now }) {
      if (ledger.sent?.kind === "claim" && process.tree !== undefined) {
        verdicts.violated("S2", `${process.id} claims while its last tree lives`);
      }
      if (!orders.some(({ type }) => type === "start")) return;
      const { opened, confirmedAt, open, writes } = ledger.of(process);
      const deny = (why: string) => verdicts.violated("S2", `${process.id} starts ${why}`);
      if (opened === undefined || confirmedAt === undefined) deny("without an answer to its claim");
      else if (!(now.instant < later(confirmedAt, process.timing.stopMs - startMarginMs))) {
        deny("too near to G");
      }
      if (process.tree !== undefined) deny("beside its previous tree");
      for (const id of open) {
        if (writes.get(id)?.kind === "release") deny("while its release is unanswered");
      }
    },
  };
}
