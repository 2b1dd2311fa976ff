/**
 * One node of the cluster: its clocks, and whether it runs at all.
 *
 * Its suspend-counting clock has a rate of its own. While the node is suspended nothing on it happens,
 * and what became due happens when it wakes, in the order in which it was planned.
 */
import { type Instant, instant, type Now } from "../../src/core/protocol.ts";
import type { World } from "./world.ts";

export interface MachineOptions {
  /** Milliseconds that its clock counts in a real one: within 1 + ρ of every other's. */
  readonly clockRate: number;
  readonly clockOffsetMs: number;
  readonly wallOffsetMs: number;
}

/** When a run begins, for a clock that is right. */
export const startMs: number = Date.UTC(2026, 0, 1);

export class Machine {
  readonly rate: number;
  /** Changed by whoever sets the wall clock: no decision may depend on it. */
  wallOffsetMs: number;
  readonly #world: World;
  readonly #offsetMs: number;
  #sleeps = false;
  #wokeAtMs = -Infinity;
  #waiting: (() => void)[] = [];

  constructor(world: World, options: MachineOptions) {
    this.#world = world;
    this.rate = options.clockRate;
    this.#offsetMs = options.clockOffsetMs;
    this.wallOffsetMs = options.wallOffsetMs;
  }

  get sleeps(): boolean {
    return this.#sleeps;
  }

  /** In real time: when it was last woken. */
  get wokeAtMs(): number {
    return this.#wokeAtMs;
  }

  now(): Now {
    return { instant: this.instantAt(this.#world.nowMs), wallMs: this.wallMs() };
  }

  /** What its clock shows at a moment of real time. */
  instantAt(realMs: number): Instant {
    return instant(this.#offsetMs + this.rate * realMs);
  }

  wallMs(): number {
    return startMs + this.wallOffsetMs + this.#world.nowMs;
  }

  /** Happens after so much real time, or when the node wakes. */
  after(realMs: number, happen: () => void): void {
    this.#world.after(realMs, () => {
      if (this.#sleeps) this.#waiting.push(happen);
      else happen();
    });
  }

  /** Happens after so much time on its own clock. */
  afterOwn(clockMs: number, happen: () => void): void {
    // A thousandth more, so that rounding never wakes anybody before a deadline.
    this.after(clockMs / this.rate + 0.001, happen);
  }

  suspend(realMs: number): void {
    if (this.#sleeps) return;
    this.#sleeps = true;
    this.#world.after(realMs, () => {
      this.#sleeps = false;
      this.#wokeAtMs = this.#world.nowMs;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const happen of waiting) happen();
    });
  }
}
