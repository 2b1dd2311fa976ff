/** The write that would open a term is on its way: only its own answer opens it (S2). */
import { isNewer, refusal } from "../json.ts";
import type { Lease } from "../lease.ts";
import { note } from "../notes.ts";
import { later, type Now, type Report } from "../protocol.ts";
import { isOwn, owned } from "../sighting.ts";
import { proceed } from "./candidate.ts";
import * as exchange from "./exchange.ts";
import { backoff, failed, succeeded } from "./health.ts";
import {
  candidate,
  chain,
  conflicted,
  type Claiming,
  type Effects,
  type Election,
  enter,
  outdated,
  remember,
  renewTimes,
} from "./state.ts";
import { follow } from "./watching.ts";

export function step(election: Election, phase: Claiming, report: Report, now: Now): Effects {
  return chain(hear(election, phase, report, now), (next) => proceed(next, now));
}

function hear(election: Election, phase: Claiming, report: Report, now: Now): Effects {
  const outcome = exchange.outcomeOf(report, phase.write.id);
  if (outcome === undefined) return contest(follow(election, report, now), election, phase);
  return claimed(exchange.heard(election, outcome), phase, outcome, now);
}

/** A creation carries no version, so it does not fail where another Lease has come and gone (I13). */
function contest(
  [followed, ...effects]: Effects,
  { memory: { sighting: before } }: Election,
  phase: Claiming,
): Effects {
  const { sighting } = followed.memory;
  const isSeen = sighting?.kind === "present" && sighting.lease.termMark !== phase.termMark;
  const isContested = before?.kind === "absent" && isSeen;
  return [isContested ? enter(followed, { ...phase, isContested }) : followed, ...effects];
}

function claimed(
  election: Election,
  phase: Claiming,
  outcome: exchange.Outcome,
  now: Now,
): Effects {
  if (exchange.isSuccess(outcome)) {
    const lease = exchange.leaseIn(outcome);
    const isOurs = typeof lease !== "string" && names(lease, election, phase);
    if (isOurs && phase.isContested !== true) {
      return chain(succeeded(election, "write"), (next) => [lead(next, phase, lease, now)]);
    }
    return unsettled(election, outcome, now);
  }
  if (outcome.type === "unanswered" || exchange.isAmbiguous(outcome)) {
    return unsettled(election, outcome, now);
  }
  const { status, body } = outcome;
  if (status === 409) {
    const [pauseMs, counted] = conflicted(election);
    const holdUntil = later(now.instant, pauseMs);
    return [
      enter(counted, candidate(now, { unsettled: true, holdUntil })),
      note("debug", "another wrote to the lease first"),
    ];
  }
  if (isInvalid(status, body)) {
    return [enter(election, { name: "rejected", problem: refusal(status, body) })];
  }
  return holdOff(election, outcome, now, false);
}

/** The write may be applied, now or later: a look comes before the next claim. */
function unsettled(election: Election, outcome: exchange.Outcome, now: Now): Effects {
  return holdOff(election, outcome, now, true);
}

function holdOff(
  election: Election,
  outcome: exchange.Outcome,
  now: Now,
  isUnsettled: boolean,
): Effects {
  const failure = exchange.failureOf("write", outcome);
  return chain(failed(outdated(election), failure), (next) => {
    const [holdUntil, waiting] = backoff(next, failure, now);
    const phase = candidate(now, { unsettled: isUnsettled, holdUntil, lookAt: holdUntil });
    return [enter(waiting, phase)];
  });
}

/** What admission refuses is the weather; any other invalid write stays invalid (O11). */
function isInvalid(status: number, body: string): boolean {
  const isAdmissions = /admission webhook|ValidatingAdmissionPolicy/.test(body);
  return (status === 400 || status === 422) && !isAdmissions;
}

/** The answer must name this incarnation, by this very write (N21). */
function names(lease: Lease, election: Election, { newest, write, termMark }: Claiming): boolean {
  return (
    isNewer(lease.version, newest) &&
    isOwn(lease, election.settings.self, renewTimes(election)) &&
    lease.termMark === termMark &&
    lease.renewTime === write.renewTime
  );
}

function lead(
  election: Election,
  { write, termMark, reason }: Claiming,
  lease: Lease,
  now: Now,
): Election {
  const { retryMs } = election.settings.timing;
  const sighting = owned(lease, now.instant);
  const news = { writes: [write], newest: lease.version, conflicts: 0, sighting };
  const confirmed = remember(election, news);
  return enter(confirmed, {
    name: "leading",
    term: {
      mark: termMark,
      acquireTime: write.renewTime,
      token: lease.version,
      leaseUid: lease.uid,
      transitions: lease.transitions,
      reason,
    },
    confirmedAt: write.sentAt,
    base: lease,
    asking: { what: "pausing", dueAt: later(write.sentAt, retryMs), next: "write" },
  });
}
