/** Where checkers put what they found. */
import type { World } from "../world.ts";

export interface Violation {
  readonly rule: string;
  readonly atMs: number;
  readonly what: string;
}

export class Verdicts {
  readonly violations: Violation[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  get nowMs(): number {
    return this.#world.nowMs;
  }

  violated(rule: string, what: string): void {
    this.violations.push({ rule, atMs: this.#world.nowMs, what });
  }
}
