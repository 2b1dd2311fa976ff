/** The library's program in a world of faults, with functions that stop late, throw, hang, resign. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tempers } from "./world/process.ts";
import { run } from "./world/run.ts";

const seeds = 40;

test(`library terms keep every rule over ${seeds} seeds`, () => {
  const seen = { terms: 0, overruns: 0, phases: new Set<string>(), finishes: new Set<string>() };
  const met = new Set<string>();
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { violations, counts, phases } = run({ seed });
    assert.deepEqual(violations, [], `seed ${seed}`);
    seen.terms += counts.terms;
    seen.overruns += counts.overruns;
    for (const phase of phases) seen.phases.add(phase);
    for (const finish of Object.keys(counts.finishes)) seen.finishes.add(finish);
    for (const temper of Object.keys(counts.tempers)) met.add(temper);
  }
  assert.ok(seen.terms > 5 * seeds, `${seen.terms} terms`);
  assert.ok(seen.overruns > seeds / 4, `${seen.overruns} overruns`);
  assert.deepEqual([...met].sort(), [...new Set<string>(tempers)].sort());
  for (const phase of ["candidate", "claiming", "leading", "releasing"]) {
    assert.ok(seen.phases.has(phase), phase);
  }
  for (const how of ["ended", "left", "stopped"]) assert.ok(seen.finishes.has(how), how);
});

test("the checkers see two at once where clocks drift beyond ρ", () => {
  let seed = 1;
  const overlaps = () => run({ seed, drift: 1.5 }).violations.some((text) => text.startsWith("S1"));
  while (seed < 200 && !overlaps()) seed += 1;
  assert.ok(seed < 200, "no seed of 200 overlaps: the checker sees nothing");
});
