/** What a series counts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { resultOf, spreadOf } from "./series.ts";

test("spreadOf() gives figures that were measured", () => {
  const values = Array.from({ length: 200 }, (_, at) => 200 - at);
  assert.deepEqual(spreadOf(values), { n: 200, min: 1, median: 100, p99: 198, max: 200 });
  assert.deepEqual(spreadOf([7]), { n: 1, min: 7, median: 7, p99: 7, max: 7 });
});

test("resultOf() counts rounds with an overlap, and their longest", () => {
  const result = resultOf([
    { overlapsMs: [], figures: { takeover: 5, kill: 1 } },
    { overlapsMs: [3, 20], figures: { takeover: 9 } },
    { overlapsMs: [0.5], figures: { takeover: 7 } },
  ]);
  assert.deepEqual(result, {
    n: 3,
    overlaps: 2,
    overlapMaxMs: 20,
    figures: {
      takeover: { n: 3, min: 5, median: 7, p99: 9, max: 9 },
      kill: { n: 1, min: 1, median: 1, p99: 1, max: 1 },
    },
  });
});
