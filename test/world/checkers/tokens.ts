/** S10: the token is the version of the write that opened the term, and grows from term to term. */
import type { Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

export function tokens(verdicts: Verdicts, ledger: Ledger): Witness {
  let last = 0n;
  return {
    started(tree, process) {
      if (process === undefined) return;
      const { token = "" } = tree.options;
      const opening = ledger.of(process).opened?.token;
      if (token !== opening) {
        verdicts.violated("S10", `${process.id} has token ${token}, its claim gave ${opening}`);
      }
      if (!(BigInt(token) > last)) {
        verdicts.violated("S10", `${process.id} has token ${token} after ${last}`);
      }
      last = BigInt(token);
    },
  };
}
