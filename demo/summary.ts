/** What the intervals tell: when nobody ran the command, and when more than one did. */
import type { Interval } from "./journal.ts";

export interface Span {
  readonly startNs: number;
  readonly endNs: number;
}

/** The beginning of a step of the story; it lasts until the next one begins. */
export interface Mark {
  readonly step: string;
  readonly fromNs: number;
}

export interface StepSummary {
  readonly step: string;
  /** The longest time without a command. */
  readonly gapMs: number;
  /** All the time with more than one. */
  readonly overlapMs: number;
}

export interface Summary {
  readonly steps: readonly StepSummary[];
  /** How many pairs of intervals overlap, in a step or not. */
  readonly overlaps: number;
  readonly intervals: readonly Interval[];
}

export function summarize(
  marks: readonly Mark[],
  endNs: number,
  intervals: readonly Interval[],
): Summary {
  const steps = marks.map(({ step, fromNs }, index) => {
    const span = { startNs: fromNs, endNs: marks[index + 1]?.fromNs ?? endNs };
    const gaps = spansOf(intervals, span, (running) => running === 0);
    const overlaps = spansOf(intervals, span, (running) => running > 1);
    return {
      step,
      gapMs: roundMs(Math.max(0, ...gaps.map(lengthNs))),
      overlapMs: roundMs(sum(overlaps.map(lengthNs))),
    };
  });
  return { steps, overlaps: countOverlaps(intervals), intervals };
}

/** The times between the first start and the last end in which no command ran. */
export function gapsOf(intervals: readonly Interval[]): readonly Span[] {
  return spansOf(intervals, reachOf(intervals), (running) => running === 0);
}

/** The times in which more than one command ran. */
export function overlapsOf(intervals: readonly Interval[]): readonly Span[] {
  return spansOf(intervals, reachOf(intervals), (running) => running > 1);
}

export function lengthNs({ startNs, endNs }: Span): number {
  return endNs - startNs;
}

/** In tenths of a millisecond: the stamps are no finer. */
export function roundMs(ns: number): number {
  return Math.round(ns / 1e5) / 10;
}

function countOverlaps(intervals: readonly Interval[]): number {
  let count = 0;
  for (const [index, one] of intervals.entries()) {
    for (const other of intervals.slice(index + 1)) {
      if (one.startNs < other.endNs && other.startNs < one.endNs) count += 1;
    }
  }
  return count;
}

/** The times within a span in which a wanted number of commands ran. */
function spansOf(
  intervals: readonly Interval[],
  within: Span,
  isWanted: (running: number) => boolean,
): readonly Span[] {
  const edges = intervals
    .flatMap(({ startNs, endNs }) => [
      { atNs: clamp(startNs, within), change: 1 },
      { atNs: clamp(endNs, within), change: -1 },
    ])
    // An end counts before a start at the same instant: to follow is not to overlap.
    .toSorted((a, b) => a.atNs - b.atNs || a.change - b.change);
  const spans: Span[] = [];
  let running = 0;
  let sinceNs = within.startNs;
  for (const { atNs, change } of [...edges, { atNs: within.endNs, change: 0 }]) {
    if (isWanted(running) && atNs > sinceNs) spans.push({ startNs: sinceNs, endNs: atNs });
    running += change;
    sinceNs = atNs;
  }
  return spans;
}

function reachOf(intervals: readonly Interval[]): Span {
  return {
    startNs: Math.min(...intervals.map(({ startNs }) => startNs)),
    endNs: Math.max(...intervals.map(({ endNs }) => endNs)),
  };
}

function clamp(ns: number, { startNs, endNs }: Span): number {
  return Math.min(endNs, Math.max(startNs, ns));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
