/** What no run may show, judged on the true state, which no program sees. */
import type { World } from "./world.ts";

interface Tree {
  readonly replica: string;
  readonly token: string;
  readonly startedMs: number;
}

/** S1: never two trees. S10: tokens grow from term to term. */
export class Trees {
  readonly violations: string[] = [];
  /** Every time without a command that ended: how long it was. */
  readonly gapsMs: number[] = [];
  terms = 0;
  readonly #world: World;
  readonly #alive = new Map<symbol, Tree>();
  #lastToken = 0n;
  #emptySinceMs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  started(replica: string, token: string): symbol {
    const startedMs = this.#world.nowMs;
    for (const other of this.#alive.values()) {
      this.violated("S1", `${replica} starts while ${other.replica} runs`);
    }
    if (!(BigInt(token) > this.#lastToken)) {
      this.violated("S10", `${replica} has token ${token} after ${this.#lastToken}`);
    }
    this.#lastToken = BigInt(token);
    if (this.#alive.size === 0) this.gapsMs.push(startedMs - this.#emptySinceMs);
    this.terms += 1;
    const tree = Symbol(replica);
    this.#alive.set(tree, { replica, token, startedMs });
    return tree;
  }

  died(tree: symbol): void {
    this.#alive.delete(tree);
    if (this.#alive.size === 0) this.#emptySinceMs = this.#world.nowMs;
  }

  get count(): number {
    return this.#alive.size;
  }

  /** How long nobody has run a command. */
  get emptyMs(): number {
    return this.#alive.size > 0 ? 0 : this.#world.nowMs - this.#emptySinceMs;
  }

  violated(rule: string, what: string): void {
    this.violations.push(`${rule} at ${(this.#world.nowMs / 1000).toFixed(3)} s: ${what}`);
  }
}
