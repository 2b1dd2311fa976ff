/**
 * What follows from the state of a campaign: rules in the order of their weight. The first that has
 * something to do does it, and they are asked again, until none has.
 */
import * as elections from "../../core/election.ts";
import { note } from "../../core/notes.ts";
import { InvariantError, later, type Now } from "../../core/protocol.ts";
import { startMarginMs } from "../../core/timing.ts";
import type { Finish, Order, Why } from "./protocol.ts";
import {
  type Campaign,
  type Campaigning,
  type Effect,
  isOver,
  type Open,
  type Step,
  withTerm,
} from "./state.ts";

type Rule = (state: Campaigning, now: Now) => Step | undefined;

const rules: readonly Rule[] = [
  leaveUnelected,
  leaveRejected,
  openTerm,
  stopWork,
  startWork,
  prolongWork,
  tellOverrun,
  letGo,
  closeTerm,
  rest,
];

/**
 * Whoever let the lease go lets others have it first: client-go's electors look every 1 to 2.2 retry
 * periods.
 */
const pollsToPass = 2.5;

/** Applies the rules until none has anything to do. */
export function settle(state: Campaigning, now: Now): Step {
  let [settled, ...effects]: Step = [state];
  for (let round = 0; round < 50; round++) {
    const step = firstOf(settled, now);
    if (step === undefined) return [settled, ...effects];
    const [next, ...more] = step;
    settled = next;
    effects = [...effects, ...more];
  }
  throw new InvariantError("Cannot settle: the rules of a campaign contradict each other");
}

function firstOf(state: Campaigning, now: Now): Step | undefined {
  for (const rule of rules) {
    const step = rule(state, now);
    if (step !== undefined) return step;
  }
  return undefined;
}

/** Nothing is ours yet; a claim on its way is waited for, so that what it opens is released. */
function leaveUnelected(state: Campaigning): Step | undefined {
  const { campaign, election } = state;
  const isWaiting = campaign?.term === undefined && election.phase.name === "candidate";
  if (campaign?.isLeaving !== true || !isWaiting) return undefined;
  return finish({ ...state, election: elections.withdraw(election) }, { how: "left" });
}

function leaveRejected(state: Campaigning): Step | undefined {
  const { phase } = state.election;
  if (phase.name !== "rejected" || state.campaign === undefined) return undefined;
  return finish(state, { how: "rejected", problem: phase.problem });
}

function openTerm(state: Campaigning, now: Now): Step | undefined {
  const { campaign, election } = state;
  const tenure = elections.tenure(election);
  if (tenure === undefined || campaign === undefined || campaign.term !== undefined) {
    return undefined;
  }
  const { term: opened, stopAt, killAt } = tenure;
  const term: Open = {
    term: opened,
    until: { stopAt, killAt },
    work: "due",
    isLost: false,
    isReleasing: false,
    isOverrun: false,
  };
  const message = note("info", "leading", {
    token: opened.token,
    transitions: opened.transitions,
    stopInMs: Math.round(stopAt - now.instant),
  });
  return [{ ...state, campaign: { ...campaign, term } }, message];
}

/** The function is to stop: the lease is lost or late, or somebody wants it. */
function stopWork(state: Campaigning, now: Now): Step | undefined {
  const { campaign } = state;
  const term = campaign?.term;
  if (campaign === undefined || term === undefined || term.isReleasing) return undefined;
  if (!term.isLost && elections.tenure(state.election) === undefined) {
    const { cause = "expired", reason = "" } = state.election.memory.lost ?? {};
    const why: Why = { how: "lost", cause, reason };
    const [lost, ...effects] = stop(state, campaign, term, why);
    return [withTerm(lost, lost.campaign ?? campaign, { isLost: true }), ...effects];
  }
  if (term.why !== undefined || isOver(term)) return undefined;
  if (campaign.isLeaving) return stop(state, campaign, term, { how: "left" });
  if (now.instant >= term.until.stopAt && !isProlonged(state, term)) {
    const [stopped, ...effects] = stop(state, campaign, term, { how: "late" });
    const overrunInMs = Math.round(term.until.killAt - now.instant);
    return [
      stopped,
      note("error", "the lease could not be renewed in time: aborting the term", { overrunInMs }),
      ...effects,
    ];
  }
  const holder = elections.preferredHolder(state.election);
  if (holder === undefined) return undefined;
  const election = elections.obey(state.election, holder);
  const [asked, ...effects] = stop({ ...state, election }, campaign, term, {
    how: "preferred",
    holder,
  });
  return [asked, note("info", "stepping down for the preferred holder", { holder }), ...effects];
}

/** The first reason wins; a function that was not started yet never is. */
function stop(state: Campaigning, campaign: Campaign, { work, why: former }: Open, why: Why): Step {
  const first = former ?? why;
  if (work === "due") return [withTerm(state, campaign, { work: "never", why: first })];
  const effects: Order[] =
    work === "running" && former === undefined ? [{ type: "abort", why }] : [];
  return [withTerm(state, campaign, { why: first }), ...effects];
}

/** The start gate (S2): with too little time left, the function waits for a renewal. */
function startWork(state: Campaigning, now: Now): Step | undefined {
  const { campaign } = state;
  const term = campaign?.term;
  if (campaign === undefined || term?.work !== "due" || isProlonged(state, term)) return undefined;
  if (now.instant >= later(term.until.stopAt, -startMarginMs)) return undefined;
  const { token, leaseUid, transitions } = term.term;
  return [
    withTerm(state, campaign, { work: "running" }),
    { type: "run", term: { token, leaseUid, transitions }, until: term.until },
  ];
}

function prolongWork(state: Campaigning): Step | undefined {
  const { campaign, election } = state;
  const term = campaign?.term;
  const tenure = elections.tenure(election);
  if (campaign === undefined || term === undefined || tenure === undefined) return undefined;
  if (!isProlonged(state, term)) return undefined;
  const until = { stopAt: tenure.stopAt, killAt: tenure.killAt };
  const effects: Order[] = term.work === "running" ? [{ type: "prolong", until }] : [];
  return [withTerm(state, campaign, { until }), ...effects];
}

function isProlonged({ election }: Campaigning, { until }: Open): boolean {
  const tenure = elections.tenure(election);
  return tenure !== undefined && tenure.killAt !== until.killAt;
}

function tellOverrun(state: Campaigning, now: Now): Step | undefined {
  const { campaign } = state;
  const term = campaign?.term;
  if (campaign === undefined || term?.work !== "running" || term.isOverrun) return undefined;
  if (now.instant < term.until.killAt) return undefined;
  return [withTerm(state, campaign, { isOverrun: true }), { type: "overrun" }];
}

/** The function is over: the lease may go too (S5). */
function letGo(state: Campaigning, now: Now): Step | undefined {
  const { campaign, election } = state;
  const term = campaign?.term;
  const isDue = term !== undefined && isOver(term) && !term.isReleasing;
  if (campaign === undefined || !isDue || elections.tenure(election) === undefined)
    return undefined;
  const [released, ...effects] = elections.resign(election, "the function has ended", now);
  return [
    withTerm({ ...state, election: released }, campaign, { isReleasing: true }),
    ...(effects as Effect[]),
  ];
}

function closeTerm(state: Campaigning, now: Now): Step | undefined {
  const { campaign, election } = state;
  const term = campaign?.term;
  if (campaign === undefined || term === undefined || !isOver(term)) return undefined;
  if (!elections.isOut(election)) return undefined;
  const { term: _, ...rest } = campaign;
  const closed = { ...state, campaign: rest };
  const end = endOf(campaign, term);
  if (end !== undefined) return finish(closed, end);
  const pauseMs = term.isLost ? 0 : pollsToPass * election.settings.timing.retryMs;
  const [rejoined, ...effects] = elections.rejoin(election, pauseMs, now);
  return [
    { ...closed, election: rejoined },
    note("info", "a candidate again"),
    ...(effects as Effect[]),
  ];
}

/** How the campaign ends with this term; it may also go on. */
function endOf({ rejoin, isLeaving }: Campaign, { work, why }: Open): Finish | undefined {
  if (why?.how === "unguarded") return { how: "stopped", why };
  if (work === "threw" && why === undefined) return { how: "ended" };
  if (rejoin && !isLeaving) return undefined;
  if (work === "never" && isLeaving) return { how: "left" };
  if (work === "never" && why !== undefined) return { how: "stopped", why };
  return why?.how === "late" || why?.how === "lost" ? { how: "stopped", why } : { how: "ended" };
}

function finish(state: Campaigning, finish: Finish): Step {
  const { campaign: _, ...rest } = state;
  return [rest, { type: "finish", finish }];
}

function rest(state: Campaigning, now: Now): Step | undefined {
  const { campaign, isObserved, isResting, election } = state;
  if (campaign !== undefined || isResting) return undefined;
  if (isObserved && election.phase.name === "candidate") return undefined;
  const [rested, ...effects] = elections.rest(election, now);
  return [{ ...state, election: rested, isResting: !isObserved }, ...(effects as Effect[])];
}
