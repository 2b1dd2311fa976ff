/**
 * Which rounds are played in which order: in passes, each with its part of every scenario's rounds and in
 * it all contestants side by side, so that what drifts on the machine drifts for all of them, and a run
 * that ends early has the same of each.
 */
import type { Contestant } from "./contestant.ts";
import { type Profile, short } from "./profile.ts";
import { type Cell, isSameCell, type RoundRecord } from "./results.ts";
import type { Lane, Scenario } from "./scenario.ts";

export interface Turn extends Cell {
  readonly played: Scenario;
  readonly by: Contestant;
  readonly at: Profile;
}

/** What is played at a time: all of one lane, or one round of what is played together. */
export interface Batch {
  readonly lane: Lane;
  readonly turns: readonly Turn[];
}

export interface PlanOptions {
  readonly scenarios: readonly Scenario[];
  readonly contestants: readonly Contestant[];
  readonly profiles: readonly Profile[];
  readonly isQuick: boolean;
}

const passesOfFull = 6;

/** How the profile is called of what takes no durations. */
const anyProfile = "any";

export function planOf({ scenarios, contestants, profiles, isQuick }: PlanOptions): Batch[] {
  const all = scenarios.flatMap((scenario) => {
    const isTaking = scenario.takes ?? (({ kind }: Contestant) => kind !== "yardstick");
    return contestants.filter(isTaking).flatMap((contestant) => {
      const some = scenario.isTimeless === true ? [short] : profiles;
      return some.flatMap((profile) => turnsOf(scenario, contestant, profile, isQuick));
    });
  });
  const passes = isQuick ? 1 : passesOfFull;
  const passOf = ({ played, round }: Turn): number =>
    Math.floor((round * passes) / roundsOf(played, isQuick));
  return Array.from({ length: passes }, (_, pass) => pass).flatMap((pass) =>
    batchesOf(all.filter((turn) => passOf(turn) === pass)),
  );
}

/** What is not yet in the results; a void round is played again. */
export function remaining(plan: readonly Batch[], done: readonly RoundRecord[]): Batch[] {
  const isDone = (turn: Turn) => done.some((it) => it.isVoid !== true && isSameCell(it, turn));
  return plan
    .map(({ lane, turns }) => ({ lane, turns: turns.filter((turn) => !isDone(turn)) }))
    .filter(({ turns }) => turns.length > 0);
}

function turnsOf(played: Scenario, by: Contestant, at: Profile, isQuick: boolean): Turn[] {
  return Array.from({ length: roundsOf(played, isQuick) }, (_, round) => ({
    scenario: played.name,
    profile: played.isTimeless === true ? anyProfile : at.name,
    contestant: by.name,
    round,
    played,
    by,
    at,
  }));
}

function roundsOf({ rounds }: Scenario, isQuick: boolean): number {
  return isQuick ? rounds.quick : rounds.full;
}

function batchesOf(turns: readonly Turn[]): Batch[] {
  const of = (lane: Lane) => turns.filter((turn) => laneOf(turn) === lane);
  const pools = (["turns", "beside", "alone"] as const).map((lane) => ({
    lane,
    turns: interleaved(of(lane)),
  }));
  const together = of("together");
  const groups = new Set(together.map(({ scenario, round }) => `${scenario} ${round}`));
  return [
    ...pools,
    ...[...groups].map((group) => ({
      lane: "together" as const,
      turns: together.filter(({ scenario, round }) => `${scenario} ${round}` === group),
    })),
  ].filter(({ turns }) => turns.length > 0);
}

/** Who takes an expiry for every hand-over would hold up all who wait for their turn. */
function laneOf({ played, by }: Turn): Lane {
  return played.lane === "turns" && by.isSlow === true ? "beside" : played.lane;
}

/** Contestants by turns, in another order in every round; the longest profile first. */
function interleaved(turns: readonly Turn[]): Turn[] {
  const names = [...new Set(turns.map(({ contestant }) => contestant))];
  const place = ({ contestant, round }: Turn): number =>
    (names.indexOf(contestant) + round) % names.length;
  return turns.toSorted(
    (a, b) =>
      a.round - b.round ||
      a.scenario.localeCompare(b.scenario) ||
      b.at.leaseMs - a.at.leaseMs ||
      place(a) - place(b),
  );
}
