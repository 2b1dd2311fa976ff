/** What the watch tells somebody who does not lead: the lease as it is now. */
import { isNewer } from "../json.ts";
import type { Lease } from "../lease.ts";
import { note } from "../notes.ts";
import type { Now, Report } from "../protocol.ts";
import { missing, type Sighting } from "../sighting.ts";
import * as watches from "../watch.ts";
import {
  type Candidate,
  chain,
  type Effects,
  type Election,
  enter,
  knownVersion,
  outdated,
  remember,
  sighted,
  watching,
} from "./state.ts";

/** Takes a report about the watch; a stream that is lost makes a candidate look at once. */
export function follow(election: Election, report: Report, now: Now): Effects {
  const [watch, heard, ...orders] = watches.hear(election.memory.watch, report, now.instant);
  const told = [watching(election, watch), ...orders] as const;
  switch (heard.what) {
    case "lease":
      return chain(told, (next) => (isNews(next, heard) ? seen(next, heard.lease, now) : [next]));
    case "deleted":
      return chain(told, (next) => (isNews(next, heard) ? gone(next, heard.lease, now) : [next]));
    case "lost":
      return chain(
        chain(told, (next) => [lookNow(next, now)]),
        (next) => tellLost(next, heard.problem),
      );
    case "nothing":
      return told;
  }
}

/** The lease was seen as it is now. */
export function seen(election: Election, lease: Lease, now: Now): Effects {
  return chain(tellHolder(election, sighted(election, lease, now.instant)), (next) =>
    tellTwin(election, next),
  );
}

/** There is no lease now; `last` is what it said last, where that is known. */
export function gone(election: Election, last: Lease | undefined, now: Now): Effects {
  const known = last === undefined ? election : sighted(election, last, now.instant);
  const sighting = missing(known.memory.sighting, last !== undefined, now.instant);
  return tellHolder(election, remember(known, { sighting }));
}

/** Opens the watch where it is closed, from the lease as it was seen last. */
export function keepWatch(election: Election, now: Now): Effects {
  if (!mayWatch(election)) return [election];
  const from = knownVersion(election);
  const [watch, ...orders] = watches.open(election.memory.watch, from, now.instant);
  return [watching(election, watch), ...orders];
}

/** A look comes first, and while looking fails a watch would fail too. */
export function mayWatch({ memory: { sighting, health } }: Election): boolean {
  return sighting !== undefined && health.read.failures === 0;
}

/** A look was answered: what the watch did not tell in time, it will not tell. */
export function judgeWatch(election: Election, version: string | undefined, now: Now): Effects {
  const { watch } = election.memory;
  if (!watches.isDoubted(watch, now.instant)) return [election];
  if (version === knownVersion(election)) {
    return [remember(election, { watch: watches.trust(watch, now.instant) })];
  }
  const [dropped, ...orders] = watches.drop(watch);
  return [remember(election, { watch: dropped }), ...orders];
}

/** Why a stream ended matters to the operator once: when watching is refused. */
export function tellLost(election: Election, problem: string): Effects {
  const isRefused = problem.startsWith("watch refused with 403") && !election.memory.isRefusalTold;
  const told = isRefused ? remember(election, { isRefusalTold: true }) : election;
  return [
    told,
    note(isRefused ? "warn" : "debug", "the watch is lost: looking instead", { problem }),
  ];
}

function lookNow(election: Election, now: Now): Election {
  const { phase, memory } = election;
  const told = outdated(election);
  // A server that refuses reads as well is not asked more often for that.
  if (phase.name !== "candidate" || memory.health.read.failures > 0) return told;
  return enter(told, { ...phase, lookAt: now.instant } satisfies Candidate);
}

function isNews(election: Election, { lease }: { lease: Lease }): boolean {
  const known = knownVersion(election);
  return known === undefined || isNewer(lease.version, known);
}

/** One line whenever another holds the lease, or nobody does; what we wrote we need not tell. */
function tellHolder(before: Election, after: Election): Effects {
  const told = describe(after.memory.sighting);
  const isNews = told !== "" && told !== describe(before.memory.sighting);
  const { sighting } = after.memory;
  const isBlocked = sighting?.kind === "present" && sighting.standing === "appointed";
  return isNews ? [after, note(isBlocked ? "error" : "info", told)] : [after];
}

/**
 * Another process that *renews* under our identity is alive: not our own former self, but a pod that
 * was given the same name. It is waited for like any other, but nobody can tell the two apart.
 */
function tellTwin(before: Election, after: Election): Effects {
  const was = before.memory.sighting;
  const is = after.memory.sighting;
  if (was?.kind !== "present" || is?.kind !== "present") return [after];
  const { identity } = after.settings.self;
  const isTwin = is.standing === "peer" && is.lease.holder === identity;
  const isRenewal = is.lease.termMark === was.lease.termMark && is.key !== was.key;
  const { termMark = "" } = is.lease;
  if (!isTwin || !isRenewal || after.memory.toldTwin === termMark) return [after];
  return [
    remember(after, { toldTwin: termMark }),
    note("warn", `another process has our identity ${JSON.stringify(identity)} too`, {
      advice: "give every pod its own K8S_AWAIT_ELECTION_IDENTITY, such as its metadata.name",
    }),
  ];
}

function describe(sighting: Sighting | undefined): string {
  if (sighting === undefined) return "";
  if (sighting.kind === "absent") return "there is no lease";
  if (sighting.lease.terminating) return "the lease is being deleted";
  const holder = JSON.stringify(sighting.lease.holder);
  switch (sighting.standing) {
    case "free":
      return "nobody holds the lease";
    case "emptied":
      return "nobody holds the lease, but it was not released: waiting as for a holder";
    case "appointed":
      return "nobody holds the lease: its spec.strategy says that a coordinator appoints the holder";
    case "own":
      return "";
    case "predecessor":
      return `the lease names this pod's former process ${holder}`;
    case "peer":
      return `the leader is ${holder}`;
    case "foreign":
      return `the leader is ${holder}, which is not one of k8s-await-election: waiting longer`;
  }
}
