/** S5: a release is sent, and the process leaves, only after its tree is empty. */
import type { Process, Step, Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

export class Release implements Witness {
  readonly rule = "S5";
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  stepped({ process }: Step): void {
    if (this.#ledger.sent?.kind !== "release" || process.tree === undefined) return;
    this.#verdicts.violated("S5", `${process.id} releases while its tree lives`);
  }

  ended(process: Process, isByOrder: boolean): void {
    if (!isByOrder || process.tree === undefined) return;
    this.#verdicts.violated("S5", `${process.id} leaves its tree behind`);
  }
}
