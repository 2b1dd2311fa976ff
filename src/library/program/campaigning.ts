/**
 * The library as one pure function: the election of `src/core`, with a function in place of a
 * command.
 *
 *     resting ──join──▶ waiting ──claimed──▶ term: due ─run─▶ running ─settled─▶ over ─released─┐
 *        ▲                 ▲                                                                    │
 *        └─────finish──────┴──────────────────────────── rejoin ────────────────────────────────┘
 *
 * A report first goes to the election. Then the rules of `rules.ts` say what follows, until nothing
 * does: may the function run, must it stop, may the lease be released, is the campaign over.
 */
import * as elections from "../../core/election.ts";
import type { Effect as CoreEffect } from "../../core/notes.ts";
import { nothing, observeAnswer, observeElection, observeStart } from "../../core/observe.ts";
import { type Instant, InvariantError, type Now } from "../../core/protocol.ts";
import type { Order, Report } from "./protocol.ts";
import { settle } from "./rules.ts";
import { type Campaigning, type Effect, type Step, withTerm } from "./state.ts";

export type { Campaigning } from "./state.ts";

type Wish = Extract<Report, { type: "join" | "observe" }>;

/** Starts with somebody's first wish, for there is nothing to do without one. */
export function begin(
  settings: elections.ElectionSettings,
  seed: number,
  wish: Wish,
  now: Now,
): Step {
  const [election, ...effects] = elections.begin(settings, seed, now, wish.type === "join");
  const state: Campaigning = {
    election,
    ...(wish.type === "join" && { campaign: { rejoin: wish.rejoin, isLeaving: false } }),
    isObserved: wish.type === "observe",
    isResting: false,
    observed: nothing,
  };
  return [state, ...effects.map(ours)];
}

/** Takes one report. */
export function step(state: Campaigning, report: Report, now: Now): Step {
  const [heard, ...effects] = hear(state, report, now);
  const [settled, ...more] = settle(heard, now);
  const all = [...effects, ...more];
  const observed = observe(state, settled, report, all, now);
  return [observed === settled.observed ? settled : { ...settled, observed }, ...all];
}

/** The one deadline: without a report by then, the host reports a tick. */
export function wakeAt({ election, campaign, isResting }: Campaigning): Instant | undefined {
  if (isResting) return undefined;
  const term = campaign?.term;
  const isHeld = elections.tenure(election) !== undefined;
  const instants = [
    elections.wakeAt(election),
    term?.why === undefined && isHeld ? term?.until.stopAt : undefined,
    term?.work === "running" && !term.isOverrun ? term.until.killAt : undefined,
  ];
  return instants.reduce((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a));
}

function hear(state: Campaigning, report: Report, now: Now): Step {
  const { campaign } = state;
  switch (report.type) {
    case "join": {
      if (campaign !== undefined) {
        throw new InvariantError("Cannot campaign: this elector campaigns already");
      }
      const [election, ...effects] = elections.rejoin(state.election, 0, now);
      const joined = { rejoin: report.rejoin, isLeaving: false };
      return [{ ...state, election, campaign: joined, isResting: false }, ...effects.map(ours)];
    }
    case "observe": {
      const wanted = { ...state, isObserved: report.isWanted };
      return report.isWanted ? look({ ...wanted, isResting: false }, now) : [wanted];
    }
    case "leave":
      return [
        campaign === undefined ? state : { ...state, campaign: { ...campaign, isLeaving: true } },
      ];
    case "resign":
      return ask(state, { how: "resigned" });
    case "guardLost":
      return ask(state, { how: "unguarded", problem: report.message });
    case "settled": {
      if (campaign?.term?.work !== "running") {
        throw new InvariantError("Cannot settle: no function runs");
      }
      return [withTerm(state, campaign, { work: report.isFailed ? "threw" : "returned" })];
    }
    default: {
      if (state.isResting) return [state];
      const [election, ...effects] = elections.step(state.election, report, now);
      return [election === state.election ? state : { ...state, election }, ...effects.map(ours)];
    }
  }
}

/** Asks the function to stop; nobody can be asked before it runs. */
function ask(
  state: Campaigning,
  why: { how: "resigned" } | { how: "unguarded"; problem: string },
): Step {
  const { campaign } = state;
  const term = campaign?.term;
  if (campaign === undefined || term?.work !== "running" || term.why !== undefined) return [state];
  return [withTerm(state, campaign, { why }), { type: "abort", why }];
}

/** After a rest the lease is looked at anew. */
function look(state: Campaigning, now: Now): Step {
  const [election, ...effects] = elections.step(state.election, { type: "tick" }, now);
  return [{ ...state, election }, ...effects.map(ours)];
}

function observe(
  before: Campaigning,
  after: Campaigning,
  report: Report,
  effects: readonly Effect[],
  now: Now,
): Campaigning["observed"] {
  let { observed } = after;
  if (report.type === "answered" || report.type === "unanswered") {
    observed = observeAnswer(observed, report);
  }
  observed = observeElection(observed, before.election, after.election, now);
  return effects.some(({ type }) => type === "run") ? observeStart(observed, now) : observed;
}

/** An election orders exchanges and nothing else. */
function ours(effect: CoreEffect): Effect {
  switch (effect.type) {
    case "note":
    case "request":
    case "watch":
    case "abandon":
      return effect satisfies Order | Effect;
    default:
      throw new InvariantError(`Cannot pass on: an election orders no ${effect.type}`);
  }
}
