/**
 * One end for everything a request does: reading credentials, resolving a name, connecting, and
 * every byte to the last one of the body. An `AbortSignal.timeout` inside `AbortSignal.any` may be
 * collected before it fires (nodejs/node#54614), so the timer is held here.
 */

export interface Deadline {
  readonly signal: AbortSignal;
  /** Milliseconds left, never negative. */
  leftMs(): number;
  abort(reason: Error): void;
  /** Lifts the time limit; `abort` still works, for streams that go on without an end. */
  lift(): void;
}

/** Nobody wants the answer any more: nobody is to blame. */
export const abandonment: Error = new Error("abandoned");

/** `missing` says what has not happened yet, for the message. */
export function createDeadline(timeoutMs: number, missing: () => string): Deadline {
  const controller = new AbortController();
  const endsAt = performance.now() + timeoutMs;
  const timer = setTimeout(() => {
    controller.abort(new Error(`ETIMEDOUT ${missing()} within ${timeoutMs} ms`));
  }, timeoutMs);
  return {
    signal: controller.signal,
    leftMs: () => Math.max(0, endsAt - performance.now()),
    abort(reason: Error): void {
      clearTimeout(timer);
      controller.abort(reason);
    },
    lift: () => clearTimeout(timer),
  };
}

/** The promise, or the reason of the signal if that comes first. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    void promise.then(resolve, reject).finally(() => {
      signal.removeEventListener("abort", onAbort);
    });
  });
}
