/**
 * Whether the command is ready to serve: it is probed as long as it runs, one probe at a time.
 *
 *     resting ──probe──▶ probing: ready or not ──rest──▶ resting
 *
 * As kubelet does by default, one success makes the command ready, and only several failures in a row
 * take that back. Traffic waits for the first success, so until then probes come closer together than
 * the period: a tenth of the time that the command has already taken is what waiting may add.
 */
import { type Effect, note } from "./notes.ts";
import { type Instant, instant, later, type Now, type Report } from "./protocol.ts";
import type { Probing } from "./settings.ts";

export type Readiness = Resting | Asked;

/** The command does not run, or is about to end. */
interface Resting {
  readonly name: "resting";
  readonly probing: Probing;
  /** How many probes there were, over all terms: each has a name of its own. */
  readonly count: number;
}

interface Asked {
  readonly name: "asked";
  readonly probing: Probing;
  readonly count: number;
  readonly beganAt: Instant;
  readonly isReady: boolean;
  /** The first success has to come before then; missing once it has. */
  readonly readyBy?: Instant;
  /** Failures in a row. */
  readonly failures: number;
  /** What the last probe found. */
  readonly detail?: string;
  readonly asking: Asking;
}

type Asking = { readonly id: string; readonly sentAt: Instant } | { readonly dueAt: Instant };

type Effects = readonly [Readiness, ...Effect[]];

/** The least pause after a failure, until the command is ready for the first time. */
const leastPauseMs = 100;

export function begin(probing: Probing): Readiness {
  return { name: "resting", probing, count: 0 };
}

/** Whether traffic may come. Where nobody asks, the command is taken for ready, as in the original. */
export function isReady(readiness: Readiness | undefined): boolean {
  return readiness === undefined || (readiness.name === "asked" && readiness.isReady);
}

/** Whether traffic may ever have come to the command that runs. */
export function hasServed(readiness: Readiness | undefined): boolean {
  return readiness === undefined || (readiness.name === "asked" && readiness.readyBy === undefined);
}

/** The command has run for the start timeout and was never ready. */
export function isOverdue(readiness: Readiness, now: Now): boolean {
  const { readyBy } = readiness.name === "asked" ? readiness : {};
  return readyBy !== undefined && now.instant >= readyBy;
}

/** What the last probe found, for who asks. */
export function detailOf(readiness: Readiness): string {
  return (readiness.name === "asked" ? readiness.detail : undefined) ?? "no probe has ended yet";
}

/** Probes a command that runs, if it is time to. */
export function probe(readiness: Readiness, now: Now): Effects {
  if (readiness.name === "resting") {
    const { probing, count } = readiness;
    const beganAt = now.instant;
    const readyBy = later(beganAt, probing.startTimeoutMs);
    const asking = { dueAt: beganAt };
    return ask(
      { name: "asked", probing, count, beganAt, isReady: false, readyBy, failures: 0, asking },
      now,
    );
  }
  const isDue = "dueAt" in readiness.asking && now.instant >= readiness.asking.dueAt;
  return isDue ? ask(readiness, now) : [readiness];
}

/** The command is asked nothing any more, and counts as not ready. */
export function rest(readiness: Readiness): Effects {
  if (readiness.name === "resting") return [readiness];
  const { probing, count, asking } = readiness;
  const resting: Resting = { name: "resting", probing, count };
  return "id" in asking ? [resting, { type: "abandon", id: asking.id }] : [resting];
}

export function step(readiness: Readiness, report: Report, now: Now): Effects {
  if (readiness.name === "resting" || report.type !== "probed") return [readiness];
  const { asking } = readiness;
  if (!("id" in asking) || asking.id !== report.id) return [readiness];
  const { detail } = report;
  const { readyBy: _, ...rest } = readiness;
  if (report.ok) {
    const dueAt = dueAfter(asking.sentAt, readiness.probing.periodMs, now);
    const ready: Asked = { ...rest, isReady: true, failures: 0, detail, asking: { dueAt } };
    const afterMs = Math.round(now.instant - readiness.beganAt);
    return readiness.isReady
      ? [ready]
      : [ready, note("info", "the command is ready", { afterMs, found: detail })];
  }
  const failures = readiness.failures + 1;
  const isReady = readiness.isReady && failures < readiness.probing.threshold;
  const dueAt = dueAfter(asking.sentAt, pauseMs(readiness, now), now);
  const failed: Asked = { ...readiness, isReady, failures, detail, asking: { dueAt } };
  return readiness.isReady && !isReady
    ? [failed, note("warn", "the command is not ready any more", { failures, problem: detail })]
    : [failed];
}

export function wakeAt(readiness: Readiness): Instant | undefined {
  if (readiness.name === "resting") return undefined;
  const { asking, readyBy } = readiness;
  const instants = ["dueAt" in asking ? asking.dueAt : undefined, readyBy];
  const known = instants.filter((it) => it !== undefined);
  return known.length === 0 ? undefined : instant(Math.min(...known));
}

function ask(readiness: Asked, now: Now): Effects {
  const { target, timeoutMs } = readiness.probing;
  const count = readiness.count + 1;
  const id = `probe-${count}`;
  return [
    { ...readiness, count, asking: { id, sentAt: now.instant } },
    { type: "probe", id, target, timeoutMs },
  ];
}

/** From the beginning of a probe that failed to the next one. */
function pauseMs({ readyBy, beganAt, probing }: Asked, now: Now): number {
  if (readyBy === undefined) return probing.periodMs;
  const elapsedMs = now.instant - beganAt;
  return Math.min(probing.periodMs, Math.max(leastPauseMs, elapsedMs / 10));
}

/** A probe that took longer than the pause is followed at once. */
function dueAfter(sentAt: Instant, ms: number, now: Now): Instant {
  return instant(Math.max(now.instant, later(sentAt, ms)));
}
