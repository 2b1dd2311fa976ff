/**
 * The release: once the tree is verified empty, our name is taken out of the lease, so that the next
 * leader need not wait for its expiry (I9, S5, S12). It is a compare-and-swap on our own record, so
 * it can never touch another's.
 */
import { isReleaseOf, type Lease } from "../lease.ts";
import { eventNote, note } from "../notes.ts";
import { type Instant, later, type Now, type Report } from "../protocol.ts";
import { deadlines } from "../timing.ts";
import * as exchange from "./exchange.ts";
import { isOfTerm } from "./leader.ts";
import { failed, succeeded, unhurried } from "./health.ts";
import {
  candidate,
  chain,
  conflicted,
  type Effects,
  type Election,
  enter,
  type Leading,
  type Releasing,
  remember,
  sighted,
} from "./state.ts";
import { follow } from "./watching.ts";

const retryPauseMs = 250;

/** Takes our name out; a renewal that is under way may still be applied, so then a look is first. */
export function begin(election: Election, phase: Leading, reason: string, now: Now): Effects {
  const next = phase.asking.what === "writing" ? "read" : "write";
  const { term, base, confirmedAt } = phase;
  const releasing = enter(sighted(election, base, now.instant), {
    name: "releasing",
    term,
    reason,
    base,
    until: deadlines(election.settings.timing, confirmedAt).endAt,
    asking: { what: "pausing", dueAt: now.instant, next },
  });
  return chain([releasing, ...exchange.abandonment(phase.asking)], (next) => proceed(next, now));
}

export function step(election: Election, phase: Releasing, report: Report, now: Now): Effects {
  return chain(hear(election, phase, report, now), (next) => proceed(next, now));
}

export function wakeAt({ asking, until }: Releasing): Instant {
  return asking.what === "pausing" && asking.dueAt < until ? asking.dueAt : until;
}

function hear(election: Election, phase: Releasing, report: Report, now: Now): Effects {
  const { asking } = phase;
  const outcome = exchange.outcomeOf(report, exchange.idOf(asking));
  if (outcome === undefined) return follow(election, report, now);
  const heard = exchange.heard(election, outcome);
  return asking.what === "writing"
    ? released(heard, phase, outcome, now)
    : looked(heard, phase, outcome, now);
}

function proceed(election: Election, now: Now): Effects {
  const { phase } = election;
  if (phase.name !== "releasing") return [election];
  if (now.instant >= phase.until) {
    const [ended, ...notes] = giveUp(
      election,
      now,
      "the lease was not released: it runs out",
      true,
    );
    return [ended, ...exchange.abandonment(phase.asking), ...notes];
  }
  const { asking } = phase;
  if (asking.what !== "pausing" || now.instant < asking.dueAt) return [election];
  if (asking.next === "read") {
    const [next, order] = exchange.read(election, now);
    return [
      enter(next, { ...phase, asking: { what: "reading", id: order.id, sentAt: now.instant } }),
      order,
    ];
  }
  const [next, order, write] = exchange.release(election, phase, now);
  return [enter(next, { ...phase, asking: { what: "writing", write } }), order];
}

function released(
  election: Election,
  phase: Releasing,
  outcome: exchange.Outcome,
  now: Now,
): Effects {
  if (exchange.isSuccess(outcome)) {
    const lease = exchange.leaseIn(outcome);
    const isDone = typeof lease === "object" && isOurRelease(election, phase, lease);
    return isDone ? done(election, phase, lease, now) : lookAgain(election, phase, now, 0);
  }
  if (outcome.type === "answered" && outcome.status === 409) {
    const [pauseMs, counted] = conflicted(election);
    return lookAgain(counted, phase, now, pauseMs);
  }
  return chain(failed(election, exchange.failureOf("write", outcome)), (next) =>
    lookAgain(next, phase, now, retryPauseMs),
  );
}

function looked(
  election: Election,
  phase: Releasing,
  outcome: exchange.Outcome,
  now: Now,
): Effects {
  if (outcome.type === "answered" && outcome.status === 404) {
    return giveUp(election, now, "the lease is gone: there is nothing to release", false);
  }
  const lease = exchange.isSuccess(outcome) ? exchange.leaseIn(outcome) : undefined;
  if (typeof lease !== "object") {
    return chain(failed(election, exchange.failureOf("read", outcome)), (next) =>
      lookAgain(next, phase, now, retryPauseMs),
    );
  }
  const well = succeeded(election, "read");
  if (isOurRelease(election, phase, lease)) {
    return chain(well, (next) => done(next, phase, lease, now));
  }
  if (!isOfTerm(election, phase, lease)) {
    return giveUp(
      sighted(election, lease, now.instant),
      now,
      "the lease is not ours any more",
      false,
    );
  }
  const asking = { what: "pausing", dueAt: now.instant, next: "write" } as const;
  return chain(well, (next) => [enter(next, { ...phase, base: lease, asking })]);
}

function isOurRelease({ memory }: Election, { term }: Releasing, lease: Lease): boolean {
  return memory.writes.some((write) => isReleaseOf(lease, term.mark, write.renewTime));
}

function done(election: Election, { reason }: Releasing, lease: Lease, now: Now): Effects {
  const well = remember(sighted(election, lease, now.instant), { conflicts: 0 });
  return chain(succeeded(well, "write"), (next) => [
    enter(next, candidate(now, { mayClaim: false })),
    eventNote("Released", "Release", note("info", "released the lease", { reason })),
  ]);
}

/** Without a release others wait until the record runs out. */
function giveUp(election: Election, now: Now, message: string, unsettled: boolean): Effects {
  const phase = candidate(now, { mayClaim: false, unsettled });
  return [
    enter(unhurried(election), phase),
    eventNote("NotReleased", "Wait", note("warn", message)),
  ];
}

function lookAgain(election: Election, phase: Releasing, now: Now, pauseMs: number): Effects {
  const dueAt = later(now.instant, pauseMs);
  return [enter(election, { ...phase, asking: { what: "pausing", dueAt, next: "read" } })];
}
