/**
 * The demo's clock, for the journal and for the story alike: it counts the time a machine spends
 * suspended, and owes nothing to the entry point that it judges.
 *
 * `os.uptime()` counts suspend but is cut to 10 ms; the monotonic clock is fine and stands still in
 * a suspend. So an instant is the monotonic reading plus the largest difference seen so far.
 */
import { uptime } from "node:os";

/** Longer than one tick of the uptime. */
const settlingNs = 12e6;

let suspendedNs = Number.NEGATIVE_INFINITY;

/** Nanoseconds since boot, the same in every process to a tenth of a millisecond once settled. */
export function nowNs(): number {
  const uptimeNs = uptime() * 1e9;
  // A double holds 104 days of nanoseconds exactly, and still microseconds after 280 years.
  const monotonicNs = Number(process.hrtime.bigint());
  suspendedNs = Math.max(suspendedNs, uptimeNs - monotonicNs);
  return Math.round(monotonicNs + suspendedNs);
}

/**
 * Reads the clock until it is no longer up to a tick behind, and blocks meanwhile.
 *
 * @returns the instant at which it was called, as the settled clock shows it.
 */
export function settle(): number {
  const calledNs = Number(process.hrtime.bigint());
  const endNs = nowNs() + settlingNs;
  while (nowNs() < endNs);
  return Math.round(calledNs + suspendedNs);
}
