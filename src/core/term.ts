/**
 * What the corridor knows between the rooms: the term that is open, and why it ends.
 */
import type * as commands from "./command.ts";
import type * as elections from "./election.ts";
import * as exits from "./exit.ts";
import type { LogSettings } from "./log.ts";
import type { Effect } from "./notes.ts";
import type { Notices } from "./notices.ts";
import type { Observed } from "./observe.ts";
import type { Preflight } from "./preflight.ts";
import { type Instant, later } from "./protocol.ts";
import type * as readinesses from "./readiness.ts";
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
  /** Missing where nobody asks: the command is taken for ready then. */
  readonly readiness?: readinesses.Readiness;
  readonly status?: Status;
  readonly notices?: Notices;
  readonly preflight?: Preflight;
  /** The term that is not closed yet: the command, its traffic or the lease is still ours. */
  readonly term?: elections.Term;
  /** Why the term, or the waiting for one, is to end. */
  readonly ending?: Ending;
  /** How often in a row the command could not be started, or was not ready in time (L11). */
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
  /** For who reads why the lease was let go. */
  readonly reason: string;
  /**
   * `asked`: nothing is done about it yet · `withdrawing`: the traffic goes first, and the command
   * runs on for the drain delay · `stopping`: the command was asked to stop, its traffic to be
   * withdrawn · `releasing`: both are gone, and so goes the lease.
   */
  readonly stage: "asked" | "withdrawing" | "stopping" | "releasing";
  /** The end of the stop timeout, of which the drain delay is a part. */
  readonly escalateAt?: Instant;
  /** Since when no traffic comes any more. */
  readonly goneAt?: Instant;
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
export function end(running: Running, ask: Ending["ask"], after: After, reason: string): Running {
  const stage = running.ending?.stage === "releasing" ? "releasing" : "asked";
  return { ...running, ending: { ask, after, reason, stage, isLost: false } };
}

/** However long the withdrawal takes, the command gets some of the stop timeout. */
const leastStopMs = 1000;

/** When the command that runs on for the drain delay is asked to stop. */
export function askAt({ ending, settings }: Running): Instant | undefined {
  if (ending?.stage !== "withdrawing" || ending.escalateAt === undefined) return undefined;
  const latest = later(ending.escalateAt, -leastStopMs);
  const { goneAt = latest } = ending;
  const delayed = later(goneAt, settings.drainDelayMs);
  return delayed < latest ? delayed : latest;
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
