/** The durations at which everything is measured: client-go's own defaults, and short ones. */
import { deriveTiming, type Timing } from "../src/core/timing.ts";

export interface Profile {
  /** D/R/P in seconds. */
  readonly name: string;
  readonly leaseMs: number;
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
  /** What our own electors derive from them. */
  readonly timing: Timing;
}

export const usual: Profile = profileOf("15/10/2");
export const short: Profile = profileOf("5/3/1");
export const profiles: readonly Profile[] = [usual, short];

function profileOf(name: string): Profile {
  const [leaseSeconds = 0, renewDeadlineSeconds = 0, retrySeconds = 0] = name
    .split("/")
    .map(Number);
  return {
    name,
    leaseMs: 1000 * leaseSeconds,
    renewDeadlineMs: 1000 * renewDeadlineSeconds,
    retryMs: 1000 * retrySeconds,
    timing: deriveTiming({ leaseSeconds, renewDeadlineSeconds, retrySeconds }),
  };
}
