import assert from "node:assert/strict";
import { test } from "node:test";
import type { Interval } from "../../demo/journal.ts";
import { gapsOf, lengthNs, overlapsOf, summarize } from "../../demo/summary.ts";

const ms = 1e6;

function life(pid: number, startMs: number, endMs: number): Interval {
  const replica = `demo-${pid}`;
  return { replica, pid, token: String(pid), startNs: startMs * ms, endNs: endMs * ms };
}

function marks(...fromMs: readonly number[]): { step: string; fromNs: number }[] {
  return fromMs.map((from, index) => ({ step: `step ${index + 1}`, fromNs: from * ms }));
}

function figures(endMs: number, from: readonly number[], ...lives: readonly Interval[]) {
  const { steps, overlaps } = summarize(marks(...from), endMs * ms, lives);
  return { steps: steps.map(({ gapMs, overlapMs }) => [gapMs, overlapMs]), overlaps };
}

test("summarize() a gap is the time from one life to the next", () => {
  const found = figures(1000, [0], life(1, 0, 300), life(2, 420.5, 1000));
  assert.deepEqual(found, { steps: [[120.5, 0]], overlaps: 0 });
});

test("summarize() of several gaps in a step the longest counts", () => {
  const found = figures(1000, [0], life(1, 0, 100), life(2, 150, 200), life(3, 600, 1000));
  assert.deepEqual(found.steps, [[400, 0]]);
});

test("summarize() a gap at the beginning of a step counts from there, one at its end up to there", () => {
  const found = figures(1000, [100, 600], life(1, 300, 500), life(2, 900, 1000));
  assert.deepEqual(found.steps, [
    [200, 0],
    [300, 0],
  ]);
});

test("summarize() nobody in the whole step is a gap of its length", () => {
  assert.deepEqual(figures(1000, [100]).steps, [[900, 0]]);
});

test("summarize() overlaps add up, in the step in which they are", () => {
  const found = figures(1000, [0, 500], life(1, 0, 600), life(2, 400, 900), life(3, 850, 1000));
  assert.deepEqual(found, {
    steps: [
      [0, 100],
      [0, 150],
    ],
    overlaps: 2,
  });
});

test("summarize() three at once are counted once as time, and as three pairs", () => {
  const found = figures(100, [0], life(1, 0, 100), life(2, 0, 100), life(3, 50, 100));
  assert.deepEqual(found, { steps: [[0, 100]], overlaps: 3 });
});

test("summarize() to follow at the same instant is no overlap and no gap", () => {
  const found = figures(200, [0], life(2, 100, 200), life(1, 0, 100));
  assert.deepEqual(found, { steps: [[0, 0]], overlaps: 0 });
});

test("summarize() an overlap before the first step is not lost", () => {
  assert.equal(figures(200, [150], life(1, 0, 100), life(2, 50, 200)).overlaps, 1);
});

test("gapsOf() and overlapsOf() leave out what is before the first start and after the last end", () => {
  const lives = [life(1, 100, 200), life(2, 250, 400), life(3, 390, 500)];
  assert.deepEqual(
    gapsOf(lives).map((it) => lengthNs(it) / ms),
    [50],
  );
  assert.deepEqual(
    overlapsOf(lives).map((it) => lengthNs(it) / ms),
    [10],
  );
  assert.deepEqual([...gapsOf([]), ...overlapsOf([])], []);
});
