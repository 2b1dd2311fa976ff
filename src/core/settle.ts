/**
 * What one room's news means for the others: rules in the order of their weight.
 *
 * The first rule that has something to do does it, and the rules are asked again, until none has. So
 * what happens depends on what is so now, never on the order in which it became so.
 */
import * as commands from "./command.ts";
import * as elections from "./election.ts";
import { heed } from "./heed.ts";
import { leave, leaveForbidden, leaveRejected, leaveUnelected } from "./leave.ts";
import { eventNote, note } from "./notes.ts";
import { InvariantError, later, type Now, type Report } from "./protocol.ts";
import * as readinesses from "./readiness.ts";
import { noticeDelay, noticeEnd, noticeLoss, noticePreference, noticeUnready } from "./reasons.ts";
import * as routings from "./routing.ts";
import { askAt, type Running, type Step } from "./term.ts";

type Rule = (running: Running, now: Now) => Step | undefined;

const rules: readonly Rule[] = [
  leaveUnelected,
  leaveRejected,
  leaveForbidden,
  openTerm,
  noticeEnd,
  noticeLoss,
  noticeDelay,
  noticePreference,
  noticeUnready,
  withdrawFirst,
  endDelay,
  stopCommand,
  startCommand,
  tellReadiness,
  prolongCommand,
  probeCommand,
  forgetFailures,
  letGo,
  closeTerm,
];

/** Heeds the report, and then applies the rules until none has anything to do. */
export function settle(running: Running, report: Report, now: Now): Step {
  let [settled, ...effects] = heed(running, report, now);
  for (let round = 0; round < 50; round++) {
    const step = firstOf(settled, now);
    if (step === undefined) return [settled, ...effects];
    const [next, ...more] = step;
    settled = next;
    effects = [...effects, ...more];
    if (more.some((effect) => effect.type === "exit")) return [settled, ...effects];
  }
  throw new InvariantError("Cannot settle: the rules of settle.ts contradict each other");
}

/** What the status endpoint says: false from G on, and wherever a command may run without a lease. */
export function isWell({ election, term, ending, isGuardLost }: Running, now: Now): boolean {
  const tenure = elections.tenure(election);
  if (isGuardLost) return false;
  if (tenure !== undefined) return now.instant < tenure.stopAt;
  return term === undefined || ending?.stage === "releasing";
}

function firstOf(running: Running, now: Now): Step | undefined {
  for (const rule of rules) {
    const step = rule(running, now);
    if (step !== undefined) return step;
  }
  return undefined;
}

function openTerm(running: Running, now: Now): Step | undefined {
  const tenure = elections.tenure(running.election);
  if (tenure === undefined || running.term !== undefined) return undefined;
  const { term } = tenure;
  const values = {
    token: term.token,
    transitions: term.transitions,
    stopInMs: Math.round(tenure.stopAt - now.instant),
    reason: term.reason,
  };
  const message = eventNote("Leading", "Claim", note("info", "leading", values));
  const opened = { ...running, term };
  if (running.routing === undefined || running.ending !== undefined) return [opened, message];
  const goal = { mark: term.mark, isReady: readinesses.isReady(running.readiness) };
  const [routing, ...effects] = routings.point(running.routing, goal, now);
  return [{ ...opened, routing }, message, ...effects];
}

/** With a drain delay the command runs on while its last clients leave, but never beyond G. */
function withdrawFirst(running: Running, now: Now): Step | undefined {
  const { ending, settings, command, election } = running;
  if (ending?.stage !== "asked" || ending.ask === "kill" || settings.drainDelayMs === 0) {
    return undefined;
  }
  const tenure = elections.tenure(election);
  const mayRunOn = commands.isAlive(command) && tenure !== undefined && now.instant < tenure.stopAt;
  const hasClients = running.routing !== undefined && readinesses.hasServed(running.readiness);
  if (!hasClients || !mayRunOn) return undefined;
  const [routing, ...effects] = routings.withdraw(running.routing, true, now);
  const escalateAt = later(now.instant, settings.stopTimeoutMs);
  return [
    { ...running, routing, ending: { ...ending, stage: "withdrawing", escalateAt } },
    ...effects,
  ];
}

function endDelay(running: Running, now: Now): Step | undefined {
  const { ending, routing, command, election } = running;
  if (ending?.stage !== "withdrawing" || ending.ask === "kill") return undefined;
  if (ending.goneAt === undefined && (routing === undefined || routings.isIdle(routing))) {
    return [{ ...running, ending: { ...ending, goneAt: now.instant } }];
  }
  const { escalateAt = now.instant } = ending;
  const dueAt = askAt(running) ?? now.instant;
  const tenure = elections.tenure(election);
  const isInTime = tenure !== undefined && now.instant < tenure.stopAt;
  if (commands.isAlive(command) && isInTime && now.instant < dueAt) return undefined;
  const leftMs = Math.max(0, escalateAt - now.instant);
  const [asked, ...effects] = commands.drain(command, ending.ask.signal, leftMs, now);
  return [{ ...running, command: asked, ending: { ...ending, stage: "stopping" } }, ...effects];
}

/** First the traffic goes, then the command is asked to stop. */
function stopCommand(running: Running, now: Now): Step | undefined {
  const { ending, settings } = running;
  if (ending?.stage !== "asked") return undefined;
  const begun = { ...running, ending: { ...ending, stage: "stopping" as const } };
  const [routing, ...withdrawal] =
    running.routing === undefined ? [undefined] : routings.withdraw(running.routing, false, now);
  const [command, ...effects] =
    ending.ask === "kill"
      ? commands.kill(running.command)
      : commands.drain(running.command, ending.ask.signal, settings.stopTimeoutMs, now);
  return [{ ...begun, command, ...(routing && { routing }) }, ...withdrawal, ...effects];
}

/** The Service says of the command what the probes say. */
function tellReadiness(running: Running, now: Now): Step | undefined {
  const { routing, term, ending } = running;
  if (routing === undefined || term === undefined || ending !== undefined) return undefined;
  const goal = { mark: term.mark, isReady: readinesses.isReady(running.readiness) };
  const [told, ...effects] = routings.point(routing, goal, now);
  return told === routing ? undefined : [{ ...running, routing: told }, ...effects];
}

function startCommand(running: Running): Step | undefined {
  const { election, command, routing, ending } = running;
  const tenure = elections.tenure(election);
  const isDue = tenure !== undefined && ending === undefined && command.name === "idle";
  if (!isDue || (routing !== undefined && !routings.isSettled(routing))) return undefined;
  const { term } = tenure;
  const addEnv = {
    K8S_AWAIT_ELECTION_FENCING_TOKEN: term.token,
    K8S_AWAIT_ELECTION_TERM: term.mark,
    K8S_AWAIT_ELECTION_LEASE_UID: term.leaseUid,
    K8S_AWAIT_ELECTION_LEASE_TRANSITIONS: String(term.transitions),
  };
  const [arming, ...effects] = commands.arm(addEnv, tenure);
  return [{ ...running, command: arming }, ...effects];
}

function prolongCommand(running: Running, now: Now): Step | undefined {
  const tenure = elections.tenure(running.election);
  if (tenure === undefined) return undefined;
  const [command, ...effects] = commands.prolong(running.command, tenure, now);
  return command === running.command ? undefined : [{ ...running, command }, ...effects];
}

/** It is asked as long as it runs and shall run on. */
function probeCommand(running: Running, now: Now): Step | undefined {
  const { readiness, command, ending } = running;
  if (readiness === undefined) return undefined;
  const isWanted = command.name === "running" && ending === undefined;
  const [next, ...effects] = isWanted
    ? readinesses.probe(readiness, now)
    : readinesses.rest(readiness);
  return next === readiness ? undefined : [{ ...running, readiness: next }, ...effects];
}

/** It serves, so what failed before is over. */
function forgetFailures(running: Running): Step | undefined {
  const { command, readiness, startFailures } = running;
  const serves = command.name === "running" && readinesses.isReady(readiness);
  return startFailures > 0 && serves ? [{ ...running, startFailures: 0 }] : undefined;
}

/** The tree is verified empty and the traffic gone: the lease may go too (S5). */
function letGo(running: Running, now: Now): Step | undefined {
  const { election, ending } = running;
  const isDue = ending?.stage === "stopping" && elections.tenure(election) !== undefined;
  if (!isDue || !isClear(running)) return undefined;
  const [released, ...effects] = elections.resign(election, ending.reason, now);
  return [
    { ...running, election: released, ending: { ...ending, stage: "releasing" } },
    ...effects,
  ];
}

function closeTerm(running: Running, now: Now): Step | undefined {
  const { ending, term, election } = running;
  const isOver = term !== undefined && elections.isOut(election);
  if (!isOver || ending === undefined || ending.stage === "asked" || !isClear(running))
    return undefined;
  if (ending.after.how !== "rejoin") return leave(running, now);
  const { term: _, ending: __, ...rest } = running;
  const [rejoined, ...effects] = elections.rejoin(election, ending.after.pauseMs, now);
  return [
    { ...rest, election: rejoined, command: commands.idle },
    note("info", "a candidate again"),
    ...effects,
  ];
}

/** No process of the command can be left, and no traffic comes. */
function isClear({ command, routing }: Running): boolean {
  return commands.isEmpty(command) && (routing === undefined || routings.isIdle(routing));
}
