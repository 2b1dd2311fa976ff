/** One thing that happens to a contestant, again and again, and what is measured of it. */
import type { Scope } from "../test/hosts/bin.ts";
import type { Contestant } from "./contestant.ts";
import type { Profile } from "./profile.ts";
import type { Rendezvous } from "./rendezvous.ts";
import type { Round } from "./results.ts";
import type { Stage } from "./stage.ts";

export interface Scenario {
  readonly name: string;
  /** What is done and what is measured, as sentences. */
  readonly about: string;
  /**
   * `turns`: milliseconds count; a few are played at a time, and only one of them is measured or starts
   * something at any moment. `beside`: seconds of waiting count, so many are played at a time.
   * `together`: one round of all contestants and profiles at once, beside nothing else. `alone`: one at
   * a time, beside nothing else.
   */
  readonly lane: Lane;
  /** Rounds of each contestant at each profile, in the full run and in the quick one. */
  readonly rounds: { readonly full: number; readonly quick: number };
  /** It takes no durations, so that one profile says it all. */
  readonly isTimeless?: true;
  /** Who takes part; everybody but the yardstick without an elector unless told. */
  readonly takes?: (contestant: Contestant) => boolean;
  play(part: Part): Promise<Round>;
}

export type Lane = "turns" | "beside" | "together" | "alone";

export interface Part {
  readonly scope: Scope;
  readonly stage: Stage;
  readonly contestant: Contestant;
  readonly profile: Profile;
  /** From 0 on; by it a scenario with variants takes turns. */
  readonly round: number;
  /** Does something while nobody else does, where turns are taken. */
  readonly turn: Turn;
  /** Where all who play together wait for each other. */
  readonly rendezvous: Rendezvous;
}

export type Turn = <T>(act: () => Promise<T>) => Promise<T>;

/** Turns for all who share it, in the order in which they ask. */
export function takeTurns(): Turn {
  let last: Promise<unknown> = Promise.resolve();
  return (act) => {
    const turn = last.then(act);
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** For those who need none. */
export const atOnce: Turn = (act) => act();

/** The variant of this round, where a scenario takes turns between several. */
export function variantOf<T>(variants: readonly T[], round: number): T {
  const variant = variants[round % variants.length];
  if (variant === undefined) throw new Error("Cannot choose between no variants.");
  return variant;
}
