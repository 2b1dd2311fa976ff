/** More than a million steps in a hostile world. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { live } from "./hostile-lives.ts";

test("step() never throws and keeps its rules through a million hostile reports", () => {
  const { steps, starts } = live({ steps: 600, lives: 13_000, from: 1_000_000 });
  assert.ok(steps >= 1e6, `only ${steps} steps`);
  assert.ok(starts > 10_000, `only ${starts} commands were started`);
});

test("step() keeps a state of bounded size through lives of 100 000 hostile reports", () => {
  const { steps } = live({ steps: 100_000, lives: 4, from: 2_000_000, isEndless: true });
  assert.equal(steps, 400_000);
});

test("C6 step() moves no deadline but by a confirmed write, though its clock goes backwards", () => {
  const { steps } = live({ steps: 600, lives: 3000, from: 3_000_000, isUnsteady: true });
  assert.ok(steps > 150_000, `only ${steps} steps`);
});
