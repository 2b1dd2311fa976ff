/** A small simulation: every rule holds, and somebody leads once the faults cease. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { profileNamed } from "./profiles.ts";
import { run } from "./run.ts";

const seeds = 300;

test(`run() keeps every rule over ${seeds} seeds`, () => {
  let terms = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const result = run({ seed });
    assert.deepEqual(result.violations, [], `seed ${seed}`);
    terms += result.terms;
  }
  assert.ok(terms > 5 * seeds, `only ${terms} terms: the faults do not bite`);
});

test("run() repeats exactly", () => {
  assert.deepEqual(run({ seed: 7 }), run({ seed: 7 }));
});

test("run() shows two commands at once where the clocks drift beyond ρ", () => {
  const some = Array.from({ length: 200 }, (_, seed) => seed).some(overlaps);
  assert.ok(some, "no seed of 200 overlaps: the checker sees nothing");
});

function overlaps(seed: number): boolean {
  return run({ seed, profile: profileNamed("drift") }).violations.some(({ rule }) => rule === "S1");
}
