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

/** The shortest time that any exchange is given. */
export const leastRequestMs = 500;

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
  /** S7: the wait beyond the expiry of a holder that is a Go elector with durations like ours. */
  readonly goWaitMs: number;
  /** What is added for a millisecond that such a holder's lease lasts longer than ours. */
  readonly goWaitPerMs: number;
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
  const goWaitMs = Math.max(0, Math.ceil(overstay / 1000) * 1000);
  return {
    leaseSeconds: durations.leaseSeconds,
    leaseMs,
    retryMs,
    stopMs,
    killMs,
    endMs,
    requestMs: Math.floor(Math.min(3000, Math.max(leastRequestMs, (stopMs - retryMs) / 3))),
    goWaitMs: takeoverDelayMs ?? goWaitMs,
    // Whoever has a longer lease has a longer renew deadline, in about the same proportion.
    goWaitPerMs: takeoverDelayMs === undefined ? goWaitMs / leaseMs : 0,
    emptyWaitMs: takeoverDelayMs ?? Math.max(leaseMs, Math.ceil(release)),
    silenceMs: 2 * retryMs + 1000,
  };
}

/** What is wrong with one of the durations, and what would be right. */
export interface TimingMisfit {
  readonly duration: keyof Durations;
  readonly right: string;
}

/** Why these durations cannot be safe; empty if they can (contract §5, config rule). */
export function timingMisfits(durations: Durations): TimingMisfit[] {
  const { leaseSeconds, renewDeadlineSeconds, retrySeconds } = durations;
  const fractions = (Object.keys(durations) as (keyof Durations)[]).filter(
    (duration) => !(Number.isSafeInteger(durations[duration]) && durations[duration] >= 1),
  );
  if (fractions.length > 0) {
    return fractions.map((duration) => ({ duration, right: "must be whole seconds, at least 1" }));
  }
  const misfits: TimingMisfit[] = [];
  if (!(leaseSeconds > renewDeadlineSeconds)) {
    const right = `must be shorter than the lease duration (${leaseSeconds} s)`;
    misfits.push({ duration: "renewDeadlineSeconds", right });
  }
  if (!(renewDeadlineSeconds > 1.2 * retrySeconds)) {
    const right = `must be shorter than the renew deadline (${renewDeadlineSeconds} s) divided by 1.2`;
    misfits.push({ duration: "retrySeconds", right });
  }
  const { stopMs, retryMs } = deriveTiming(durations);
  if (!(stopMs >= 2 * retryMs && stopMs > startMarginMs)) {
    const right =
      `must be at least ${leastLeaseSeconds(retryMs)} s for a retry period of ${retrySeconds} s: ` +
      "there is no time to retry and to stop the command";
    misfits.push({ duration: "leaseSeconds", right });
  }
  return misfits;
}

function leastLeaseSeconds(retryMs: number): number {
  const beforeStopMs = Math.max(2 * retryMs, startMarginMs + 1);
  return Math.ceil(((beforeStopMs + minGraceMs + killBudgetMs) * (1 + clockDrift)) / 1000);
}

/** G, H and E of a term whose last confirmed write was sent at `confirmedAt`. */
export function deadlines(timing: Timing, confirmedAt: Instant): Deadlines {
  return {
    stopAt: later(confirmedAt, timing.stopMs),
    killAt: later(confirmedAt, timing.killMs),
    endAt: later(confirmedAt, timing.endMs),
  };
}
