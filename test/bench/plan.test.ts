import assert from "node:assert/strict";
import { test } from "node:test";
import type { Contestant } from "../../bench/contestant.ts";
import { type Batch, planOf, remaining } from "../../bench/plan.ts";
import { profiles, short } from "../../bench/profile.ts";
import { Rendezvous } from "../../bench/rendezvous.ts";
import { type Lane, type Scenario, takeTurns } from "../../bench/scenario.ts";
import { allScenarios } from "../../bench/scenarios.ts";
import { resultsOf } from "./results.ts";

const one = contestant("one");
const two = contestant("two");
const slow = { ...contestant("slow"), isSlow: true } as const;
const options = { contestants: [one, two], profiles: [short], isQuick: false };

test("planOf() spreads the rounds of each scenario over the run, contestants side by side", () => {
  const scenarios = [scenario("many", "beside", 12), scenario("few", "beside", 3)];
  const plan = planOf({ ...options, scenarios });
  assert.deepEqual(plan.map(told), [
    "few0one few0two many0one many0two many1two many1one",
    "many2one many2two many3two many3one",
    "few1two few1one many4one many4two many5two many5one",
    "many6one many6two many7two many7one",
    "few2one few2two many8one many8two many9two many9one",
    "many10one many10two many11two many11one",
  ]);
});

test("planOf() plays all of a quick run in one pass", () => {
  const scenarios = [{ ...scenario("it", "beside", 12), rounds: { full: 12, quick: 3 } }];
  const plan = planOf({ ...options, scenarios, isQuick: true });
  assert.deepEqual(plan.map(told), ["it0one it0two it1two it1one it2one it2two"]);
});

test("planOf() plays together what belongs together, a round at a time", () => {
  const scenarios = [scenario("both", "together", 12)];
  const [first, second] = planOf({ ...options, scenarios, profiles });
  assert.equal(first?.lane, "together");
  assert.deepEqual(first?.turns.map((turn) => `${turn.profile} ${turn.contestant}`).toSorted(), [
    "15/10/2 one",
    "15/10/2 two",
    "5/3/1 one",
    "5/3/1 two",
  ]);
  assert.deepEqual(new Set(first?.turns.map(({ round }) => round)), new Set([0]));
  assert.deepEqual(new Set(second?.turns.map(({ round }) => round)), new Set([1]));
});

test("planOf() lets nobody wait for a turn of who takes an expiry", () => {
  const scenarios = [scenario("leave", "turns", 1)];
  const plan = planOf({ ...options, contestants: [one, slow], scenarios });
  assert.deepEqual(
    plan.map(({ lane, turns }) => `${lane} ${turns.map(({ contestant }) => contestant).join()}`),
    ["turns one", "beside slow"],
  );
});

test("remaining() leaves out what was played, but not what was void", () => {
  const plan = planOf({ ...options, scenarios: [scenario("it", "beside", 2)] });
  const cell = { scenario: "it", profile: "5/3/1" };
  const { rounds } = resultsOf([
    { ...cell, contestant: "one", round: 0 },
    { ...cell, contestant: "two", round: 0, error: "it failed" },
    { ...cell, contestant: "two", round: 1, isVoid: true },
  ]);
  assert.deepEqual(remaining(plan, rounds).map(told), ["it1two it1one"]);
  assert.deepEqual(remaining(plan, []), plan);
});

test("allScenarios() are known by their names, and each is played in a full run", () => {
  const scenarios = allScenarios(false);
  assert.equal(new Set(scenarios.map(({ name }) => name)).size, scenarios.length);
  for (const { name, rounds } of scenarios) assert.ok(rounds.full > 0, name);
});

test("takeTurns() lets one act at a time, whatever becomes of the one before", async () => {
  const turn = takeTurns();
  const acts: string[] = [];
  const failing = turn(async () => {
    acts.push("a begins");
    await new Promise(setImmediate);
    acts.push("a ends");
    throw new Error("a failed");
  });
  const next = turn(async () => acts.push("b"));
  await assert.rejects(failing, /a failed/);
  await next;
  assert.deepEqual(acts, ["a begins", "a ends", "b"]);
});

test("meet() waits for all, and one of them acts; who left is not waited for", async () => {
  const rendezvous = new Rendezvous(3);
  const acts: string[] = [];
  const act = (name: string) => async () => void acts.push(name);
  const first = rendezvous.meet(act("first")).then(() => acts.push("first goes on"));
  const second = rendezvous.meet(act("second")).then(() => acts.push("second goes on"));
  await new Promise(setImmediate);
  assert.deepEqual(acts, []);
  await rendezvous.leave();
  await Promise.all([first, second]);
  assert.deepEqual(acts, ["first", "first goes on", "second goes on"]);
});

function contestant(name: string): Contestant {
  return { name, kind: "library", launch: () => ({ argv: [] }), follows: () => /./ };
}

function scenario(name: string, lane: Lane, full: number): Scenario {
  return { name, about: "", lane, rounds: { full, quick: 1 }, play: async () => ({ figures: {} }) };
}

function told({ turns }: Batch): string {
  return turns.map(({ scenario, round, contestant }) => scenario + round + contestant).join(" ");
}
