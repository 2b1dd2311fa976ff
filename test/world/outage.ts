/** The present or last time in which something did not work. */
import type { World } from "./world.ts";

/** What follows so soon leaves no time to recover: it counts as one. */
const recoveryMs = 4000;

export class Outage {
  readonly #world: World;
  #fromMs = 0;
  #untilMs: number | undefined = 0;

  constructor(world: World) {
    this.#world = world;
  }

  note(isOut: boolean): void {
    const { nowMs } = this.#world;
    if (isOut && this.#untilMs !== undefined) {
      if (nowMs - this.#untilMs > recoveryMs) this.#fromMs = nowMs;
      this.#untilMs = undefined;
    } else if (!isOut) this.#untilMs ??= nowMs;
  }

  /** When it began; undefined if it ended longer ago than this. */
  fromMs(agoMs: number): number | undefined {
    const { nowMs } = this.#world;
    return nowMs - (this.#untilMs ?? nowMs) > agoMs ? undefined : this.#fromMs;
  }
}
