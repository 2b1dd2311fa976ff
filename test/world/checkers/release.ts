/** S5: a release is sent, and the process leaves, only after its tree is empty. */
import type { Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

export function release(verdicts: Verdicts, ledger: Ledger): Witness {
  return {
    stepped({ process }) {
      if (ledger.sent?.kind !== "release" || process.tree === undefined) return;
      verdicts.violated("S5", `${process.id} releases while its tree lives`);
    },

    ended(process, isByOrder) {
      if (!isByOrder || process.tree === undefined) return;
      verdicts.violated("S5", `${process.id} leaves its tree behind`);
    },
  };
}
