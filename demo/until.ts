/** Waiting for the world, with a bound and a way out. */
import { setTimeout as pause } from "node:timers/promises";

export interface Patience {
  readonly limitMs: number;
  /** Ends the waiting with its reason. */
  readonly signal: AbortSignal;
}

const everyMs = 10;

/** Whether the condition came to hold within the limit. */
export async function until(
  condition: () => boolean,
  { limitMs, signal }: Patience,
): Promise<boolean> {
  const endMs = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > endMs) return false;
    await pauseFor(everyMs, signal);
  }
  return true;
}

/** @throws the signal's reason when it is aborted. */
export async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
