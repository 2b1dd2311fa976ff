/**
 * Virtual time and chance: everything that happens in a simulated run hangs on one queue and one
 * seed, so a run repeats exactly.
 */

interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly happen: () => void;
}

export class World {
  /** Real time, which no program sees: milliseconds since the start of the run. */
  nowMs = 0;
  readonly #queue: Happening[] = [];
  #order = 0;
  #random: number;

  constructor(seed: number) {
    this.#random = seed | 0;
  }

  /** Happens after `delayMs`; what is due at the same time happens in the order it was planned. */
  after(delayMs: number, happen: () => void): void {
    this.#push({ atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, happen });
  }

  /** Lets time pass, and everything in it happen. */
  run(untilMs: number): void {
    for (let next = this.#queue[0]; next !== undefined && next.atMs <= untilMs; ) {
      this.#pop();
      this.nowMs = next.atMs;
      next.happen();
      next = this.#queue[0];
    }
    this.nowMs = untilMs;
  }

  /** A number in [least, most). */
  between(least: number, most: number): number {
    return least + (most - least) * this.#draw();
  }

  chance(probability: number): boolean {
    return this.#draw() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[Math.floor(this.#draw() * choices.length)];
    if (choice === undefined) throw new Error("nothing to pick from");
    return choice;
  }

  seed32(): number {
    return Math.floor(this.#draw() * 2 ** 32);
  }

  #draw(): number {
    this.#random = (this.#random + 0x9e3779b9) | 0;
    let mixed = this.#random ^ (this.#random >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  /** A binary heap: runs are made of millions of happenings. */
  #push(happening: Happening): void {
    const queue = this.#queue;
    let at = queue.push(happening) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(happening, queue[above]!)) break;
      queue[at] = queue[above]!;
      at = above;
    }
    queue[at] = happening;
  }

  #pop(): void {
    const queue = this.#queue;
    const last = queue.pop();
    if (last === undefined || queue.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= queue.length) break;
      if (below + 1 < queue.length && isBefore(queue[below + 1]!, queue[below]!)) below += 1;
      if (!isBefore(queue[below]!, last)) break;
      queue[at] = queue[below]!;
      at = below;
    }
    queue[at] = last;
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
