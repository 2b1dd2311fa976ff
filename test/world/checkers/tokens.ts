/** S10: the token is the version of the write that opened the term, and grows from term to term. */
import type { Tree } from "../tree.ts";
import type { Process, Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

export class Tokens implements Witness {
  readonly rule = "S10";
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;
  #last = 0n;

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  started(tree: Tree, process?: Process): void {
    if (process === undefined) return;
    const { token = "" } = tree.options;
    const opening = this.#ledger.of(process).opened?.token;
    if (token !== opening) {
      this.#verdicts.violated("S10", `${process.id} has token ${token}, its claim gave ${opening}`);
    }
    if (!(BigInt(token) > this.#last)) {
      this.#verdicts.violated("S10", `${process.id} has token ${token} after ${this.#last}`);
    }
    this.#last = BigInt(token);
  }
}
