/**
 * What the corridor knows between the rooms: the term that is open, and why it ends.
 */
import type * as commands from "./command.ts";
import type * as elections from "./election.ts";
import * as exits from "./exit.ts";
import type { LogSettings } from "./log.ts";
import type { Effect } from "./notes.ts";
import type { Observed } from "./observe.ts";
import type * as routings from "./routing.ts";
import type { Settings } from "./settings.ts";
import type { Status } from "./status.ts";

export interface Running {
  readonly name: "running";
  readonly settings: Settings;
  readonly log: LogSettings;
  readonly election: elections.Election;
  readonly command: commands.Command;
  readonly routing?: routings.Routing;
  readonly status?: Status;
  /** The term that is not closed yet: the command, its traffic or the lease is still ours. */
  readonly term?: elections.Term;
  /** Why the term, or the waiting for one, is to end. */
  readonly ending?: Ending;
  /** How often in a row the machine could not start the command (L11). */
  readonly startFailures: number;
  /** The deadline has no independent keeper any more (S14). */
  readonly isGuardLost: boolean;
  readonly observed: Observed;
  readonly version?: string;
}

export interface Ending {
  /** How the command is asked: by the stop ladder from this signal on, or not at all. */
  readonly ask: { readonly signal: string } | "kill";
  readonly after: After;
  /**
   * `asked`: nothing is done about it yet · `stopping`: the command was asked to stop, its traffic
   * to be withdrawn · `releasing`: both are gone, and so goes the lease.
   */
  readonly stage: "asked" | "stopping" | "releasing";
  /** The lease was lost: there is nothing to release. */
  readonly isLost: boolean;
}

/** What comes when the term is closed. */
export type After =
  | { readonly how: "exit"; readonly code: number }
  /** With the command's own code, or this one if it never ran. */
  | { readonly how: "exitAsCommand"; readonly otherwise: number }
  | { readonly how: "rejoin"; readonly pauseMs: number };

/** A new state of the whole, and what to do. */
export type Step = readonly [Running, ...Effect[]];

/** Something ends the term, or the waiting for one; what is released already stays so. */
export function end(running: Running, ask: Ending["ask"], after: After): Running {
  const stage = running.ending?.stage === "releasing" ? "releasing" : "asked";
  return { ...running, ending: { ask, after, stage, isLost: false } };
}

/** Leaves as the ending says: with the command's own code where it has one. */
export function exitNow({ ending, command }: Running): Effect {
  const fate = command.name === "over" ? command.end : undefined;
  switch (ending?.after.how) {
    case "exit":
      return { type: "exit", code: ending.after.code };
    case "exitAsCommand":
      return { type: "exit", code: fate ? exits.ofEnd(fate) : ending.after.otherwise };
    default:
      return { type: "exit", code: exits.failure };
  }
}
