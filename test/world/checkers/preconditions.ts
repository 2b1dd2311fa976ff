/** S6: a PUT names the uid and version that it is based on; anything else is a creation. */
import type { Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

export function preconditions(verdicts: Verdicts, ledger: Ledger): Witness {
  return {
    stepped({ process }) {
      if (ledger.sent === undefined) return;
      const { method, lease } = ledger.sent;
      const isComplete = method === "PUT" && lease.uid !== "none" && lease.version !== "0";
      const isCreation = method === "POST" && lease.uid === "none" && lease.version === "0";
      if (isComplete || isCreation) return;
      verdicts.violated("S6", `${process.id} sends a ${method} with uid ${lease.uid}`);
    },
  };
}
