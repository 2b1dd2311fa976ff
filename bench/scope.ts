/** What lasts as long as one round: whatever it opened is closed at its end, in that order. */
import type { Scope } from "../test/hosts/bin.ts";

export class Closings implements Scope {
  readonly #endings: (() => void | Promise<void>)[] = [];

  after(ending: () => void | Promise<void>): void {
    this.#endings.push(ending);
  }

  /** Does all of it, whatever fails, and then says what failed first. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const ending of this.#endings.splice(0)) {
      try {
        await ending();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
