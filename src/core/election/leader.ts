/**
 * The leader renews, and looks where a renewal is not answered as it should be.
 *
 * The term ends at H by the clock, and at once by evidence: any newer sight of the lease that is not
 * ours by a write that we sent (S4, S6). It never continues across a loss, and never creates the
 * lease.
 */
import { isNewer } from "../json.ts";
import type { Lease } from "../lease.ts";
import { eventNote, note } from "../notes.ts";
import { type Instant, later, type Now, type Report } from "../protocol.ts";
import { isOwn, missing } from "../sighting.ts";
import { deadlines } from "../timing.ts";
import * as watches from "../watch.ts";
import * as exchange from "./exchange.ts";
import { failed, type Failure, succeeded, unhurried } from "./health.ts";
import {
  candidate,
  chain,
  conflicted,
  type Effects,
  type Election,
  enter,
  type Leading,
  type Loss,
  newerOf,
  remember,
  renewTimes,
  sighted,
  watching,
  type Write,
} from "./state.ts";
import { tellLost } from "./watching.ts";

/** Between two attempts at the densest. */
const retryPaceMs = 500;

const deleted: Loss = { cause: "deleted", reason: "it was deleted" };
const rolledBack: Loss = { cause: "rolled back", reason: "the API server went back in time" };

export function step(election: Election, phase: Leading, report: Report, now: Now): Effects {
  if (now.instant >= deadlines(election.settings.timing, phase.confirmedAt).killAt) {
    const loss = { cause: "expired", reason: "it could not be renewed in time" } as const;
    // The end of a watch is news for the candidate as well.
    const [watch, , ...orders] = watches.hear(election.memory.watch, report, now.instant);
    return chain([watching(election, watch), ...orders], (next) => lose(next, phase, loss, now));
  }
  return chain(hear(election, phase, report, now), (next) => proceed(next, now));
}

export function wakeAt(election: Election, phase: Leading): Instant {
  const { killAt } = deadlines(election.settings.timing, phase.confirmedAt);
  const due = phase.asking.what === "pausing" ? phase.asking.dueAt : killAt;
  const watchAt = watches.wakeAt(election.memory.watch) ?? killAt;
  return [due, watchAt].reduce((a, b) => (b < a ? b : a), killAt);
}

/** What became of the lease: what it said last, if not what we wrote, and whether it is there. */
interface Found {
  readonly last?: Lease;
  readonly isGone?: boolean;
}

/** Ends the term without a release: the tree is to be killed, and looked after by the corridor. */
export function lose(
  election: Election,
  phase: Leading,
  loss: Loss,
  now: Now,
  { last = phase.base, isGone = false }: Found = {},
): Effects {
  const own = sighted(election, phase.base, now.instant);
  const known = sighted(own, last, now.instant);
  const seen = isGone
    ? remember(known, { sighting: missing(known.memory.sighting, true, now.instant) })
    : known;
  const unsettled = phase.asking.what === "writing";
  const ended = remember(unhurried(seen), { lost: loss });
  return [
    enter(ended, candidate(now, { mayClaim: false, unsettled })),
    ...exchange.abandonment(phase.asking),
    eventNote("Lost", "Kill", note("error", "lost the lease", { reason: loss.reason })),
  ];
}

function hear(election: Election, phase: Leading, report: Report, now: Now): Effects {
  const { asking } = phase;
  const outcome = exchange.outcomeOf(report, exchange.idOf(asking));
  if (outcome === undefined || asking.what === "pausing") {
    return follow(election, phase, report, now);
  }
  const heard = exchange.heard(election, outcome);
  return asking.what === "writing"
    ? renewed(heard, answered(phase, now), asking.write, outcome, now)
    : looked(heard, answered(phase, now), asking.sentAt, outcome, now);
}

/** Sends what is due, and keeps the watch open: our own renewals keep it from being silent. */
function proceed(election: Election, now: Now): Effects {
  const { phase } = election;
  if (phase.name !== "leading") return [election];
  const { watch } = election.memory;
  const [doubted, ...dropped] = watches.isDoubted(watch, now.instant)
    ? watches.drop(watch)
    : [watch];
  const [opened, ...orders] = watches.open(doubted, phase.base.version, now.instant);
  const watched: Effects = [watching(election, opened), ...dropped, ...orders];
  const { asking } = phase;
  if (asking.what !== "pausing" || now.instant < asking.dueAt) return watched;
  return chain(watched, (next) =>
    asking.next === "read" ? look(next, phase, now) : renew(next, phase, now),
  );
}

function renew(election: Election, phase: Leading, now: Now): Effects {
  const [asking, order, write] = exchange.renewal(election, phase.base, phase.term, now);
  return [enter(asking, { ...phase, asking: { what: "writing", write } }), order];
}

function look(election: Election, phase: Leading, now: Now): Effects {
  const [asking, order] = exchange.read(election, now);
  return [
    enter(asking, { ...phase, asking: { what: "reading", id: order.id, sentAt: now.instant } }),
    order,
  ];
}

/** The exchange is over: whatever comes next, there is nothing left to abandon. */
function answered(phase: Leading, now: Now): Leading {
  return { ...phase, asking: { what: "pausing", dueAt: now.instant, next: "write" } };
}

function renewed(
  election: Election,
  phase: Leading,
  write: Write,
  outcome: exchange.Outcome,
  now: Now,
): Effects {
  const lease = exchange.isSuccess(outcome) ? exchange.leaseIn(outcome) : undefined;
  if (typeof lease !== "object") {
    const isRefused = outcome.type === "answered" && [404, 409].includes(outcome.status);
    if (isRefused) return look(election, phase, now);
    return retry(election, phase, exchange.failureOf("write", outcome), write.sentAt, now);
  }
  if (isNewer(phase.base.version, lease.version)) {
    return lose(election, phase, rolledBack, now, { last: lease });
  }
  if (!isOfTerm(election, phase, lease)) {
    return lose(election, phase, foundIn(election, phase, lease), now, { last: lease });
  }
  // Only an answer that shows this very write confirms it (N21); a read tells what is so.
  if (lease.renewTime !== write.renewTime) return look(election, phase, now);
  const confirmed = remember(confirm(election, [write], lease), { conflicts: 0 });
  return chain(succeeded(confirmed, "write"), (next) => {
    const dueAt = later(write.sentAt, election.settings.timing.retryMs);
    const asking = { what: "pausing", dueAt, next: "write" } as const;
    return [enter(next, { ...phase, confirmedAt: write.sentAt, base: lease, asking })];
  });
}

function looked(
  election: Election,
  phase: Leading,
  sentAt: Instant,
  outcome: exchange.Outcome,
  now: Now,
): Effects {
  if (outcome.type === "answered" && outcome.status === 404) {
    return lose(election, phase, deleted, now, { isGone: true });
  }
  const lease = exchange.isSuccess(outcome) ? exchange.leaseIn(outcome) : undefined;
  if (typeof lease !== "object") {
    return retry(election, phase, exchange.failureOf("read", outcome), sentAt, now);
  }
  if (isNewer(phase.base.version, lease.version)) {
    return lose(election, phase, rolledBack, now, { last: lease });
  }
  if (!isOfTerm(election, phase, lease))
    return lose(election, phase, foundIn(election, phase, lease), now, { last: lease });
  // The read proves the write that it shows: its own send instant counts, and no later one (S6).
  const { writes } = election.memory;
  const proven = writes.slice(writes.findIndex((write) => write.renewTime === lease.renewTime));
  const confirmedAt = proven[0]?.sentAt ?? phase.confirmedAt;
  // Somebody who annotates the lease in a loop must neither win against us nor make us spin.
  const [pauseMs, counted] = conflicted(confirm(election, proven, lease));
  const pausedAt = later(now.instant, pauseMs);
  const renewAt = later(confirmedAt, election.settings.timing.retryMs);
  const dueAt = renewAt > pausedAt ? renewAt : pausedAt;
  const asking = { what: "pausing", dueAt, next: "write" } as const;
  return chain(succeeded(counted, "read"), (next) => [
    enter(next, { ...phase, confirmedAt, base: lease, asking }),
  ]);
}

/** Takes a report about the watch: only news that a read could confirm counts (S4). */
function follow(election: Election, phase: Leading, report: Report, now: Now): Effects {
  const [watch, heard, ...orders] = watches.hear(election.memory.watch, report, now.instant);
  const told = [watching(election, watch), ...orders] as const;
  switch (heard.what) {
    case "nothing":
      return told;
    case "lost":
      return chain(told, (next) => tellLost(next, heard.problem));
    case "deleted":
      if (!isNewer(heard.lease.version, phase.base.version)) return told;
      return chain(told, (next) => {
        const found = { last: heard.lease, isGone: true };
        return contradicted(next, phase, deleted, now, found);
      });
    case "lease": {
      const { lease } = heard;
      if (!isNewer(lease.version, phase.base.version)) return told;
      if (!isOfTerm(election, phase, lease)) {
        return chain(told, (next) =>
          contradicted(next, phase, foundIn(election, phase, lease), now, { last: lease }),
        );
      }
      // Another's annotation: the next write is based on it, unless one is under way.
      if (phase.asking.what !== "pausing") return told;
      return chain(told, (next) => [enter(next, { ...phase, base: lease })]);
    }
  }
}

/** A write of ours that is under way may be newer than the event: then a read decides. */
function contradicted(
  election: Election,
  phase: Leading,
  loss: Loss,
  now: Now,
  found: Found,
): Effects {
  if (phase.asking.what !== "writing") return lose(election, phase, loss, now, found);
  return [
    ...chain([election, ...exchange.abandonment(phase.asking)], (next) => look(next, phase, now)),
  ];
}

/**
 * The next attempt after one that failed: at least half a second after the last was sent, so that
 * three fit before G even if each is waited out, and the denser the less time is left (L4).
 */
function retry(
  election: Election,
  phase: Leading,
  failure: Failure,
  sentAt: Instant,
  now: Now,
): Effects {
  const {
    settings: { timing },
    memory,
  } = election;
  const leftMs = deadlines(timing, phase.confirmedAt).stopAt - now.instant;
  const paceMs = Math.max(retryPaceMs, Math.min(timing.retryMs, leftMs / 20));
  // A server that asks for patience gets what the term allows; a stale token is read anew at once.
  const patienceMs = Math.min(failure.retryAfterMs ?? 0, leftMs / 3);
  const isStale = failure.isStale && memory.health[failure.way].denials === 0;
  const pacedAt = isStale ? now.instant : later(sentAt, paceMs);
  const dueAt = [pacedAt, later(now.instant, patienceMs)].reduce((a, b) => (b > a ? b : a));
  return chain(failed(election, failure), (next) => [
    enter(next, { ...phase, asking: { what: "pausing", dueAt, next: failure.way } }),
  ]);
}

/** The record is our term's, by a write that we sent: any other time is a second process (DL7). */
export function isOfTerm(
  election: Election,
  phase: { term: Leading["term"] },
  lease: Lease,
): boolean {
  return (
    lease.uid === phase.term.leaseUid &&
    lease.termMark === phase.term.mark &&
    isOwn(lease, election.settings.self, renewTimes(election))
  );
}

function foundIn({ settings }: Election, { term }: Leading, { holder, uid }: Lease): Loss {
  if (uid !== term.leaseUid) {
    return { cause: "deleted", reason: "it was deleted and created again" };
  }
  if (holder === "") return { cause: "emptied", reason: "its holder was removed" };
  const name = JSON.stringify(holder);
  return holder === settings.self.identity
    ? { cause: "same identity", reason: `another process has our identity ${name} too` }
    : { cause: "other holder", reason: `it names ${name}` };
}

/** From here on only these writes can be shown; the newest version is known from the answer. */
function confirm(election: Election, writes: readonly Write[], { version }: Lease): Election {
  return remember(election, { writes, newest: newerOf(election.memory.newest, version) });
}
