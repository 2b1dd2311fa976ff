import assert from "node:assert/strict";
import { test } from "node:test";
import { shares, spreadOf, textOf } from "../../bench/figures.ts";

const upTo = (count: number) => Array.from({ length: count }, (_, at) => count - at);

test("spreadOf() takes the nearest rank of values in any order", () => {
  assert.deepEqual(spreadOf(upTo(100)), { n: 100, min: 1, p50: 50, p95: 95, p99: 99, max: 100 });
  assert.deepEqual(spreadOf(upTo(200)), { n: 200, min: 1, p50: 100, p95: 190, p99: 198, max: 200 });
  assert.deepEqual(spreadOf([3, 1, 2]), { n: 3, min: 1, p50: 2, p95: 3, p99: 3, max: 3 });
  assert.deepEqual(spreadOf([2, 1]), { n: 2, min: 1, p50: 1, p95: 2, p99: 2, max: 2 });
  assert.deepEqual(spreadOf([7]), { n: 1, min: 7, p50: 7, p95: 7, p99: 7, max: 7 });
});

test("spreadOf() compares numbers, not their texts", () => {
  assert.equal(spreadOf([10, 9, 100]).p50, 10);
});

test("spreadOf() has nothing to say about no values", () => {
  assert.throws(() => spreadOf([]), /no values/);
});

test("shares() rises by the same for each value, up to all of them", () => {
  assert.deepEqual(shares([20, 10, 20, 40]), [
    { value: 10, percent: 25 },
    { value: 20, percent: 50 },
    { value: 20, percent: 75 },
    { value: 40, percent: 100 },
  ]);
});

for (const [value, unit, text] of [
  [0, "ms", "0 ms"],
  [8.126, "ms", "8.13 ms"],
  [999.4, "ms", "999 ms"],
  [15_256, "ms", "15.26 s"],
  [2000, "ms", "2 s"],
  [-21, "ms", "-21 ms"],
  [3_470_000, "B", "3.47 MB"],
  [811_008, "B", "811 kB"],
  [12, "B", "12 B"],
  [7.5512, "%", "7.55 %"],
  [20_000, "", "20000"],
] as const) {
  test(`textOf() says ${text} for ${value} ${unit}`, () => {
    assert.equal(textOf(value, unit), text);
  });
}
