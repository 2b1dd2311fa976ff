/**
 * What a candidate has seen of the lease, since when, and so when it may claim it (S7, I4–I7, I13).
 *
 * Every wait counts from the first sight of that very record on our own clock, and is over *before*
 * the claim is sent, so that no wait has to be carried in the record. A claim is a compare-and-swap
 * on the very object that was seen.
 */
import { isReleased, type Lease, type Mark, recordKey, validMark } from "./lease.ts";
import { type Instant, later } from "./protocol.ts";
import type { Timing } from "./timing.ts";

export type Sighting = Present | Absent;

interface Present {
  readonly kind: "present";
  readonly lease: Lease;
  readonly key: string;
  readonly standing: Standing;
  /** When *we* first saw this record, however old it was then: late is safe. */
  readonly firstSeenAt: Instant;
  readonly bereft?: Bereft;
}

interface Absent {
  readonly kind: "absent";
  readonly firstSeenAt: Instant;
  /** Who may still be running a command although the lease is gone (I13). */
  readonly since: "nobody" | "unknown" | "holder";
  /** Another Lease may have come and gone since: a look has to find it absent anew, and begins anew. */
  readonly isStale?: true;
  readonly bereft?: Bereft;
}

/**
 * Somebody held a Lease that is gone. Whoever created the next one may never have seen that one, so
 * neither its claim nor its release says that the command of that holder has ended (I13, A8).
 */
interface Bereft {
  /** When we first saw that it was gone. */
  readonly at: Instant;
  /** The holder's, where it was one of ours. */
  readonly incarnation?: string;
}

/** Who holds the lease, in the terms of S7. */
export type Standing =
  /** Our release, or never held. */
  | "free"
  /** This incarnation, by a write that it sent. */
  | "own"
  /** An earlier process of this very pod whose tree died with it (L8). */
  | "predecessor"
  /** Another process of k8s-await-election. */
  | "peer"
  /** A Go elector, or whoever else writes no mark. */
  | "foreign"
  /** Nobody, but not by our release: a command may still be running. */
  | "emptied"
  /** A coordinator appoints the holder and has appointed nobody (contract §1.7). */
  | "appointed";

/** The process that looks. */
export interface Self {
  readonly identity: string;
  readonly mark: Mark;
  readonly soleHolder: boolean;
  /** Waits even where a first start on a new lease would be at once (I13). */
  readonly strict: boolean;
}

/** Takes note of a lease; a record already known keeps the instant of its first sight. */
export function sight(
  before: Sighting | undefined,
  lease: Lease,
  self: Self,
  ownWrites: readonly string[],
  at: Instant,
): Present {
  const key = recordKey(lease);
  const known = before?.kind === "present" && before.key === key;
  const bereft = before?.bereft;
  const isBack = bereft?.incarnation !== undefined && bereft.incarnation === authorOf(lease);
  return {
    kind: "present",
    lease,
    key,
    standing: proven(before, key, lease, standingOf(before, lease, self, ownWrites)),
    firstSeenAt: known ? before.firstSeenAt : at,
    ...(bereft !== undefined && !isBack && { bereft }),
  };
}

/** What our own claim made, once it was answered. */
export function owned(lease: Lease, at: Instant): Present {
  return { kind: "present", lease, key: recordKey(lease), standing: "own", firstSeenAt: at };
}

/**
 * A creation carries no version: one that was given up may be applied after another Lease has come and
 * gone, and then it is no more than another's. Who never saw a holder may take it for its own (A8).
 */
function proven(
  before: Sighting | undefined,
  key: string,
  lease: Lease,
  standing: Standing,
): Standing {
  if (standing !== "own" || before === undefined) return standing;
  if (before.kind === "absent") return before.since === "unknown" ? "own" : "peer";
  if (before.key === key) return before.standing;
  return before.lease.uid === lease.uid ? standing : "peer";
}

/** Nobody has told for a while what became of the Lease (I13). */
export function aged(sighting: Sighting | undefined): Sighting | undefined {
  return sighting?.kind === "absent" ? { ...sighting, isStale: true } : sighting;
}

/** The process of ours that claimed the lease last: its former tree was empty then (S2). */
function authorOf({ termMark }: Lease): string | undefined {
  return termMark?.split("/", 1)[0];
}

/**
 * Takes note that there is no lease. What it said last counts only where we know that it was the last
 * (`isLast`): since a sighting of our own, another may have led, and still have a command to kill.
 */
export function missing(before: Sighting | undefined, isLast: boolean, at: Instant): Absent {
  if (before === undefined) return { kind: "absent", firstSeenAt: at, since: "unknown" };
  if (before.kind === "absent") return before.isStale === true ? anew(before, at) : before;
  const wasNobodys = before.standing === "free" || before.standing === "own";
  if (isLast && wasNobodys) {
    const { bereft } = before;
    return { kind: "absent", firstSeenAt: at, since: "nobody", ...(bereft && { bereft }) };
  }
  const incarnation = validMark(before.lease)?.incarnation;
  const bereft = { at, ...(incarnation !== undefined && { incarnation }) };
  return { kind: "absent", firstSeenAt: at, since: "holder", bereft };
}

function anew({ since }: Absent, at: Instant): Absent {
  if (since === "unknown") return { kind: "absent", firstSeenAt: at, since };
  return { kind: "absent", firstSeenAt: at, since: "holder", bereft: { at } };
}

/** From when on the lease may be claimed; never, while a coordinator or a deletion forbids it. */
export function claimableAt(
  sighting: Sighting,
  self: Self,
  timing: Timing,
  spread: number,
): Instant | undefined {
  if (sighting.kind === "absent" && sighting.isStale === true) return undefined;
  const waitMs =
    sighting.kind === "absent" ? absentWait(sighting, self, timing) : presentWait(sighting, timing);
  if (waitMs === undefined) return undefined;
  // Strictly later than the wait, and spread so that not all candidates write at once (L1, L9).
  const after = (at: Instant, ms: number) => later(at, Math.floor(ms) + 1 + spread);
  const at = waitMs === 0 ? sighting.firstSeenAt : after(sighting.firstSeenAt, waitMs);
  const bereftUntil = sighting.bereft && after(sighting.bereft.at, timing.leaseMs);
  return bereftUntil !== undefined && bereftUntil > at ? bereftUntil : at;
}

function absentWait({ since }: Absent, self: Self, timing: Timing): number {
  return since === "holder" || (since === "unknown" && self.strict) ? timing.leaseMs : 0;
}

function presentWait({ lease, standing }: Present, timing: Timing): number | undefined {
  if (lease.terminating) return undefined;
  const recordMs =
    lease.durationSeconds === undefined ? timing.leaseMs : lease.durationSeconds * 1000;
  switch (standing) {
    case "free":
    case "own":
    case "predecessor":
      return 0;
    case "peer":
      return recordMs;
    case "foreign":
      return recordMs + goWait(recordMs, timing);
    case "emptied":
      return timing.emptyWaitMs;
    case "appointed":
      return undefined;
  }
}

/** A record tells its D alone: R and P, which make the overstay (DL1), are guessed from it. */
function goWait(recordMs: number, { leaseMs, goWaitMs, goWaitPerMs }: Timing): number {
  return goWaitMs + Math.max(0, recordMs - leaseMs) * goWaitPerMs;
}

function standingOf(
  before: Sighting | undefined,
  lease: Lease,
  self: Self,
  ownWrites: readonly string[],
): Standing {
  if (lease.holder === "") {
    if (lease.strategy !== undefined) return "appointed";
    const neverHeld = lease.acquireTime === undefined && lease.renewTime === undefined;
    return (neverHeld && !wasHeld(before, lease)) || isReleased(lease) ? "free" : "emptied";
  }
  const mark = validMark(lease);
  if (mark === undefined) return "foreign";
  if (mark.incarnation === self.mark.incarnation) {
    // A time that we never wrote: a second process with our identity, a Go elector (DL7).
    return isOwn(lease, self, ownWrites) ? "own" : "foreign";
  }
  const predecessor =
    self.soleHolder &&
    self.mark.pid1 &&
    mark.pid1 &&
    mark.podUid === self.mark.podUid &&
    lease.holder === self.identity;
  return predecessor && mark.podUid !== "" ? "predecessor" : "peer";
}

/** Somebody wiped the whole record: we saw a holder in it, whose command may be running. */
function wasHeld(before: Sighting | undefined, { uid }: Lease): boolean {
  if (before?.kind !== "present" || before.lease.uid !== uid) return false;
  return before.lease.holder !== "" || before.standing === "emptied";
}

/** Whether the record was written by this process, and by nobody since. */
export function isOwn(lease: Lease, self: Self, ownWrites: readonly string[]): boolean {
  return (
    lease.holder === self.identity &&
    validMark(lease)?.incarnation === self.mark.incarnation &&
    lease.renewTime !== undefined &&
    ownWrites.includes(lease.renewTime)
  );
}
