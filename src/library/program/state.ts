/** What the library's program knows: the election, and what the caller wants of it. */
import type * as elections from "../../core/election.ts";
import type { Note } from "../../core/notes.ts";
import type { Observed } from "../../core/observe.ts";
import type { Order, Until, Why } from "./protocol.ts";

export interface Campaigning {
  readonly election: elections.Election;
  /** Missing while nobody campaigns. */
  readonly campaign?: Campaign;
  /** Somebody wants to know who leads. */
  readonly isObserved: boolean;
  /** Nobody wants anything: nothing is under way, and no report but a wish means anything. */
  readonly isResting: boolean;
  readonly observed: Observed;
}

export interface Campaign {
  /** Goes on after a term. */
  readonly rejoin: boolean;
  /** No further term is wanted. */
  readonly isLeaving: boolean;
  /** The term that is not closed yet: its function runs, or the lease is still ours. */
  readonly term?: Open;
}

export interface Open {
  readonly term: elections.Term;
  readonly until: Until;
  readonly work: "due" | "running" | "returned" | "threw" | "never";
  /** Why its function is to stop: the first reason wins. */
  readonly why?: Why;
  /** The lease is not ours any more: there is nothing to release. */
  readonly isLost: boolean;
  readonly isReleasing: boolean;
  readonly isOverrun: boolean;
}

export type Effect = Order | Note;

export type Step = readonly [Campaigning, ...Effect[]];

export function withTerm(state: Campaigning, campaign: Campaign, news: Partial<Open>): Campaigning {
  const { term } = campaign;
  return term === undefined
    ? state
    : { ...state, campaign: { ...campaign, term: { ...term, ...news } } };
}

/** Whether the function of the term does not run, now or ever again. */
export function isOver({ work }: Open): boolean {
  return work !== "due" && work !== "running";
}
