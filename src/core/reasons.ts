/** Why a term ends: the rules of `settle.ts` that begin an ending, each for a reason of its own. */
import type { End } from "./command.ts";
import * as elections from "./election.ts";
import * as exits from "./exit.ts";
import { eventNote, note } from "./notes.ts";
import type { Now } from "./protocol.ts";
import * as readinesses from "./readiness.ts";
import type { Settings } from "./settings.ts";
import { type After, end, type Ending, type Running, type Step } from "./term.ts";

/** The command ended by itself, or could not be started; what it left behind may still be dying. */
export function noticeEnd(running: Running): Step | undefined {
  const { command, ending, term } = running;
  const fate = command.name === "over" || command.name === "killing" ? command.end : undefined;
  if (fate === undefined || ending !== undefined || term === undefined) return undefined;
  if (fate.how === "notStarted" && exits.isPassing(fate.problem)) {
    return [backOff(running, "kill", describe(fate))];
  }
  const after = { how: "exitAsCommand", otherwise: exits.ofEnd(fate) } as const;
  return [end(running, "kill", after, describe(fate))];
}

/** The lease is not ours any more, and the command may still run. */
export function noticeLoss(running: Running): Step | undefined {
  const { term, ending, election, settings } = running;
  const isHeld = term === undefined || elections.tenure(election) !== undefined;
  if (isHeld || ending?.stage === "releasing" || ending?.isLost === true) return undefined;
  const after = ending?.after ?? afterLoss(settings);
  const reason = "it was lost";
  return [{ ...running, ending: { ask: "kill", after, reason, stage: "asked", isLost: true } }];
}

/** G: no renewal came through, so the command gets the time until H to stop by itself. */
export function noticeDelay(running: Running, now: Now): Step | undefined {
  const tenure = elections.tenure(running.election);
  if (tenure === undefined || running.ending !== undefined || now.instant < tenure.stopAt) {
    return undefined;
  }
  const reason = "it could not be renewed in time";
  const message = note("error", "the lease could not be renewed in time: stopping the command", {
    killInMs: Math.round(tenure.killAt - now.instant),
  });
  return [
    end(running, { signal: "SIGTERM" }, afterLoss(running.settings), reason),
    eventNote("RenewalOverdue", "Stop", message),
  ];
}

/** A coordinator wants another in our place: a polite request to step down. */
export function noticePreference(running: Running): Step | undefined {
  const holder = elections.preferredHolder(running.election);
  if (holder === undefined || running.ending !== undefined) return undefined;
  const election = elections.obey(running.election, holder);
  const after = { how: "rejoin", pauseMs: 0 } as const;
  const reason = `${JSON.stringify(holder)} is preferred`;
  return [
    end({ ...running, election }, { signal: "SIGTERM" }, after, reason),
    note("info", "stepping down for the preferred holder", { holder }),
  ];
}

/** Another replica may have more luck (L11). */
export function noticeUnready(running: Running, now: Now): Step | undefined {
  const { readiness, ending } = running;
  if (ending !== undefined || readiness === undefined) return undefined;
  if (!readinesses.isOverdue(readiness, now)) return undefined;
  const message = note("error", "the command was not ready in time: stopping it", {
    limitMs: readiness.probing.startTimeoutMs,
    problem: readinesses.detailOf(readiness),
  });
  return [
    backOff(running, { signal: "SIGTERM" }, "the command was not ready in time"),
    eventNote("NotReady", "Stop", message),
  ];
}

/** Gives leadership up, and stays away for longer with every failure in a row (L11). */
function backOff(running: Running, ask: Ending["ask"], reason: string): Running {
  const startFailures = running.startFailures + 1;
  const pauseMs = Math.min(60_000, 1000 * 2 ** startFailures);
  return end({ ...running, startFailures }, ask, { how: "rejoin", pauseMs }, reason);
}

function afterLoss({ onLoss }: Settings): After {
  return onLoss === "exit" ? { how: "exit", code: exits.failure } : { how: "rejoin", pauseMs: 0 };
}

function describe(end: End): string {
  switch (end.how) {
    case "code":
      return `the command has ended with code ${end.code}`;
    case "signal":
      return `the command was ended by ${end.signal}`;
    case "notStarted":
      return `the command cannot be started: ${end.problem.message}`;
  }
}
