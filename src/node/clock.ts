/**
 * The one clock of the Node host: it counts the time a machine spends suspended (contract A3).
 *
 * Node offers no CLOCK_BOOTTIME. `os.uptime()` follows it but is cut to 10 ms; CLOCK_MONOTONIC is
 * fine-grained but stands still in a suspend. So an instant is the monotonic reading plus the
 * largest difference to the uptime seen so far. The uptime is read first and the monotonic clock
 * after it, hence the difference is never too large, however long the thread is paused between the
 * two: an instant is never ahead of CLOCK_BOOTTIME and, once settled, less than 0.1 ms behind it.
 *
 * The monotonic reading is `process.hrtime.bigint()`, the kernel's own value and so the same in
 * every thread. `performance.now()` counts from the start of its thread, and its `timeOrigin` is
 * wall time, which someone may set: neither can be compared between the loop and the guard.
 */
import { uptime } from "node:os";
import { instant, type Now } from "../core/protocol.ts";

export interface Clock {
  /**
   * Reads the clocks.
   * @throws Error when a clock is unreadable or went backwards: fail stop (contract S14).
   */
  now(): Now;
}

/** Where a clock reads from, all in milliseconds. */
export interface ClockSources {
  monotonicMs(): number;
  uptimeMs(): number;
  wallMs(): number;
}

const kernel: ClockSources = {
  // A double holds 104 days of nanoseconds exactly, and still microseconds after 280 years.
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  uptimeMs: () => uptime() * 1000,
  wallMs: () => Date.now(),
};

/** A clock of its own for this thread; all of them show the same time within 10 ms. */
export function createClock(sources: ClockSources = kernel): Clock {
  let lastUptimeMs = 0;
  let lastMonotonicMs = 0;
  let suspendedMs = Number.NEGATIVE_INFINITY;

  return {
    now() {
      const uptimeMs = checked("uptime", sources.uptimeMs(), lastUptimeMs);
      const monotonicMs = checked("monotonic", sources.monotonicMs(), lastMonotonicMs);
      lastUptimeMs = uptimeMs;
      lastMonotonicMs = monotonicMs;
      suspendedMs = Math.max(suspendedMs, uptimeMs - monotonicMs);
      return { instant: instant(monotonicMs + suspendedMs), wallMs: sources.wallMs() };
    },
  };
}

/**
 * Reads a clock for a little longer than one tick of the uptime (10 ms), after which it is no
 * longer up to a tick behind. Blocks its thread meanwhile.
 */
export function settle(clock: Clock): void {
  const end = clock.now().instant + 12;
  while (clock.now().instant < end);
}

function checked(name: string, readMs: number, lastMs: number): number {
  if (!(readMs >= 0 && Number.isFinite(readMs))) {
    throw new Error(`Cannot read the ${name} clock: it says ${readMs} ms`);
  }
  if (readMs < lastMs) {
    throw new Error(
      `Cannot trust the ${name} clock: it went backwards, from ${lastMs} ms to ${readMs} ms`,
    );
  }
  return readMs;
}
