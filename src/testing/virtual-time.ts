/** Time for tests: it stands still until a test lets it pass, and then passes at once. */
import { instant, type Now } from "../core/protocol.ts";

interface Happening {
  readonly atMs: number;
  readonly happen: () => void;
}

/** Taken when the module is loaded: a test may mock the timers of Node. */
const immediately = setImmediate;

/** So many turns of the event loop let promises that depend on each other settle. */
const turns = 3;

/**
 * The clock and the timers of electors under test.
 *
 * `advance()` lets everything that is due happen, in order, and whatever follows from it; between two
 * instants promises settle. Functions under test wait with `sleep()` in place of `setTimeout()`.
 */
export class VirtualTime {
  /** In the order in which they were planned. */
  readonly #happenings: Happening[] = [];
  #nowMs = 0;

  /** Milliseconds since this object was made. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /**
   * Midnight of 1 January 2026, and what has passed since.
   *
   * @internal
   */
  now(): Now {
    return { instant: instant(this.#nowMs), wallMs: Date.UTC(2026, 0, 1) + this.#nowMs };
  }

  /** Calls back once so much time has passed; returns the way to take it back. */
  after(ms: number, happen: () => void): () => void {
    const happening = { atMs: this.#nowMs + Math.max(0, ms), happen };
    this.#happenings.push(happening);
    return () => void this.#takeBack(happening);
  }

  /** Resolves once so much time has passed; rejects with the signal's reason if that comes first. */
  sleep(ms: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error);
      const onAbort = () => {
        cancel();
        reject(signal?.reason as Error);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Lets so much time pass, and everything in it happen. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    while (this.#happenNext(untilMs)) await settled();
    this.#nowMs = untilMs;
  }

  /**
   * Lets time pass until something is so, and returns how long that took in milliseconds.
   *
   * @throws Error when it is not so after `limitMs`, two minutes unless told.
   */
  async until(isSo: () => boolean, limitMs: number = 120_000): Promise<number> {
    const startMs = this.#nowMs;
    await settled();
    while (!isSo()) {
      if (!this.#happenNext(startMs + limitMs)) {
        throw new Error(`Cannot wait any longer: not so within ${limitMs} ms of virtual time`);
      }
      await settled();
    }
    return this.#nowMs - startMs;
  }

  /** Lets happen what is due at the next instant, if there is one until then. */
  #happenNext(untilMs: number): boolean {
    const atMs = this.#happenings.reduce((first, { atMs }) => Math.min(first, atMs), Infinity);
    if (atMs > untilMs) return false;
    this.#nowMs = Math.max(this.#nowMs, atMs);
    const due = this.#happenings.filter((one) => one.atMs === atMs);
    for (const one of due) {
      // What happens before it at this instant may have taken it back.
      if (this.#takeBack(one)) one.happen();
    }
    return true;
  }

  #takeBack(happening: Happening): boolean {
    const at = this.#happenings.indexOf(happening);
    if (at === -1) return false;
    this.#happenings.splice(at, 1);
    return true;
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise<void>((resolve) => void immediately(resolve));
  }
}
