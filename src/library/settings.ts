/** The options of an elector, read once: every misfit is named, all of them together. */
import { dnsLabel, dnsName, identityText, longestSeconds } from "../core/forms.ts";
import { deriveTiming, type Durations, type Timing, timingMisfits } from "../core/timing.ts";
import { SettingsError } from "./errors.ts";

/** The Lease that the electors of one kind share. */
export interface LeaseName {
  /** A DNS-1123 label. */
  readonly namespace: string;
  /** A DNS-1123 subdomain. */
  readonly name: string;
}

/**
 * D, R and P in whole seconds, as in client-go: LeaseDuration, RenewDeadline and RetryPeriod. Those that
 * share a Lease should have the same.
 */
export interface ElectionDurations {
  /** After so long without a renewal another may lead. 15 unless told. */
  readonly leaseSeconds?: number;
  /** With the retry period: how long a leader goes on without a renewal. 10 unless told. */
  readonly renewDeadlineSeconds?: number;
  /** The time between two renewals. 2 unless told. */
  readonly retrySeconds?: number;
  /**
   * Replaces the extra waits for Leases that another kind of elector held (12 s beyond its expiry with
   * the defaults) or left empty (15 s). Less is a risk: see `docs/library.md`.
   */
  readonly takeoverDelaySeconds?: number;
}

export interface Settings {
  readonly lease: LeaseName;
  readonly identity: string;
  readonly timing: Timing;
}

/** @throws SettingsError that names every option that is wrong, its value, and what would be right. */
export function readSettings(
  lease: LeaseName,
  identity: string,
  durations: ElectionDurations = {},
): Settings {
  const misfits: string[] = [];
  const { namespace, name } = lease;
  const texts = [
    ["lease.namespace", namespace, dnsLabel],
    ["lease.name", name, dnsName],
    ["identity", identity, identityText],
  ] as const;
  for (const [option, value, form] of texts) {
    // Whoever calls from JavaScript may give anything.
    const isRight = typeof value === "string" && form.read(value) !== undefined;
    if (!isRight) misfits.push(`${option} is ${JSON.stringify(value)}: ${form.right}`);
  }
  const { leaseSeconds = 15, renewDeadlineSeconds = 10, retrySeconds = 2 } = durations;
  const chosen: Durations = { leaseSeconds, renewDeadlineSeconds, retrySeconds };
  const tooLong = (Object.keys(chosen) as (keyof Durations)[]).filter(
    (duration) => chosen[duration] > longestSeconds,
  );
  for (const duration of tooLong) {
    misfits.push(`durations.${duration} is ${chosen[duration]}: must be at most ${longestSeconds}`);
  }
  for (const { duration, right } of timingMisfits(chosen)) {
    misfits.push(`durations.${duration} is ${chosen[duration]}: ${right}`);
  }
  const { takeoverDelaySeconds: delay } = durations;
  if (delay !== undefined && !(Number.isInteger(delay) && 0 <= delay && delay <= longestSeconds)) {
    const right = `must be whole seconds from 0 to ${longestSeconds}`;
    misfits.push(`durations.takeoverDelaySeconds is ${delay}: ${right}`);
  }
  if (misfits.length > 0) throw new SettingsError(`Cannot elect: ${misfits.join("; ")}`);
  const timing = deriveTiming(chosen, delay === undefined ? undefined : delay * 1000);
  return { lease: { namespace, name }, identity, timing };
}
