/**
 * Every duration of an election and the inequalities between them (contract §5).
 *
 *     s        G            H        E
 *     |--------|------------|--------|---------> the leader's suspend-counting clock
 *     sent     TERM         KILL     another may lead
 *
 * `s` is read before the first byte of a write that was confirmed later. Another elector first saw
 * that write after `s` and waits D on a clock at most 1 + ρ times as fast as ours, so nobody else
 * leads before E = s + D / (1 + ρ). Every deadline counts from `s`, never from an answer.
 */
import { type Instant, later } from "./protocol.ts";

/** ρ: two nodes' clocks run at rates within 1 + ρ of each other (two chrony-slewed clocks, A2). */
export const clockDrift = 0.19;

/** W: a runnable watchdog gets the processor within this time (A4). */
const watchdogLatenessMs = 250;

/** κ: a process that was sent SIGKILL is gone within this time (A4). */
const deathMs = 250;

/** K: from the hard kill to the end of our time. */
const killBudgetMs = Math.max(1000, watchdogLatenessMs + deathMs + 500);

/** The least time between TERM and KILL. */
const minGraceMs = 1000;

/** S2: a command is started only with at least this much time left before G. */
export const startMarginMs = 1000;

/** L1: after an expiry every candidate waits a random part of this, so that few writes collide. */
export const spreadMs = 100;

/** The three numbers that users set, in whole seconds: D, R and P. */
export interface Durations {
  readonly leaseSeconds: number;
  readonly renewDeadlineSeconds: number;
  readonly retrySeconds: number;
}

export interface Timing {
  readonly leaseSeconds: number;
  /** D. */
  readonly leaseMs: number;
  /** P: the time between two renewals. */
  readonly retryMs: number;
  /** G − s: the command gets SIGTERM. */
  readonly stopMs: number;
  /** H − s: the command's whole tree gets SIGKILL. */
  readonly killMs: number;
  /** E − s: from here another may lead. */
  readonly endMs: number;
  /** How long one exchange may take: at least three fit between a renewal and G. */
  readonly requestMs: number;
  /** S7: the wait beyond the expiry of a holder that is a Go elector. */
  readonly goWaitMs: number;
  /** S7: the wait after an empty holder that is not our own release. */
  readonly emptyWaitMs: number;
  /** L6: a watch that is silent for longer is doubted. */
  readonly silenceMs: number;
}

/** The instants that a confirmed write sent at `s` gives. */
export interface Deadlines {
  readonly stopAt: Instant;
  readonly killAt: Instant;
  readonly endAt: Instant;
}

/** Derives every duration; a takeover delay (ms) replaces both waits of S7. */
export function deriveTiming(durations: Durations, takeoverDelayMs?: number): Timing {
  const leaseMs = durations.leaseSeconds * 1000;
  const renewDeadlineMs = durations.renewDeadlineSeconds * 1000;
  const retryMs = durations.retrySeconds * 1000;
  // Whole milliseconds, rounded to the safe side: our time ends early.
  const endMs = Math.floor(leaseMs / (1 + clockDrift));
  const killMs = endMs - killBudgetMs;
  const stopMs = Math.min(retryMs + renewDeadlineMs, killMs - minGraceMs);
  const overstay = (2 * renewDeadlineMs + retryMs) * (1 + clockDrift) - leaseMs + deathMs;
  const release = (renewDeadlineMs + deathMs) * (1 + clockDrift);
  return {
    leaseSeconds: durations.leaseSeconds,
    leaseMs,
    retryMs,
    stopMs,
    killMs,
    endMs,
    requestMs: Math.round(Math.min(3000, Math.max(500, (stopMs - retryMs) / 3))),
    goWaitMs: takeoverDelayMs ?? Math.max(0, Math.ceil(overstay / 1000) * 1000),
    emptyWaitMs: takeoverDelayMs ?? Math.max(leaseMs, Math.ceil(release)),
    silenceMs: 2 * retryMs + 1000,
  };
}

/** Why these durations cannot be safe; empty if they can (contract §5, config rule). */
export function timingMisfits(durations: Durations): string[] {
  const { leaseSeconds, renewDeadlineSeconds, retrySeconds } = durations;
  const misfits: string[] = [];
  if (!(leaseSeconds > renewDeadlineSeconds)) {
    misfits.push(
      `the lease duration (${leaseSeconds} s) must be longer than the renew deadline (${renewDeadlineSeconds} s)`,
    );
  }
  if (!(renewDeadlineSeconds > 1.2 * retrySeconds)) {
    misfits.push(
      `the renew deadline (${renewDeadlineSeconds} s) must be longer than 1.2 times the retry period (${retrySeconds} s)`,
    );
  }
  const { stopMs, retryMs } = deriveTiming(durations);
  if (!(stopMs >= 2 * retryMs && stopMs > startMarginMs)) {
    const least = Math.ceil(
      (Math.max(2 * retryMs, startMarginMs + 1) + minGraceMs + killBudgetMs) *
        ((1 + clockDrift) / 1000),
    );
    misfits.push(
      `a retry period of ${retrySeconds} s leaves no time to retry and to stop the command: ` +
        `the lease duration must be at least ${least} s, found ${leaseSeconds} s`,
    );
  }
  return misfits;
}

/** G, H and E of a term whose last confirmed write was sent at `confirmedAt`. */
export function deadlines(timing: Timing, confirmedAt: Instant): Deadlines {
  return {
    stopAt: later(confirmedAt, timing.stopMs),
    killAt: later(confirmedAt, timing.killMs),
    endAt: later(confirmedAt, timing.endMs),
  };
}
