/** What the election knows in each phase, and the small moves that all phases share. */
import { kindOf } from "../json.ts";
import { isNewer, type Lease } from "../lease.ts";
import { type Effect, note } from "../notes.ts";
import { type Instant, later, type Now } from "../protocol.ts";
import { type Self, type Sighting, sight } from "../sighting.ts";
import type { Timing } from "../timing.ts";
import type { Watch } from "../watch.ts";

export interface Election {
  readonly settings: ElectionSettings;
  readonly memory: Memory;
  readonly phase: Candidate | Claiming | Leading | Releasing | Rejected;
}

export interface ElectionSettings {
  readonly namespace: string;
  readonly name: string;
  readonly self: Self;
  readonly timing: Timing;
}

/** What outlives a phase. */
export interface Memory {
  readonly random: number;
  /** How many exchanges there were: the next id. */
  readonly exchanges: number;
  /** The wall time of the last write: the next is at least a second later (I3). */
  readonly wroteMs: number;
  /** Our writes that the record may show: the last confirmed one, and every later attempt. */
  readonly writes: readonly Write[];
  readonly sighting?: Sighting;
  /** The newest version that was ever seen: what is older comes from a restored backup (O10). */
  readonly newest: string;
  /** Our part of the spread after an expiry, drawn anew with every record seen. */
  readonly spread: number;
  readonly watch: Watch;
  /** How reading and writing go: apart, for RBAC may allow one without the other. */
  readonly health: Readonly<Record<Way, Health>>;
  /** The last exchange was not answered, or by a failing server: the next takes a new connection. */
  readonly isConnectionDoubted: boolean;
  /** Writes in a row that met another's: the more, the longer the pause before the next. */
  readonly conflicts: number;
  /** The term of another process that was told to renew under our identity. */
  readonly toldTwin?: string;
  /** How the last term that was lost was lost. */
  readonly lost?: Loss;
  /** That watching is refused was told: once is enough. */
  readonly isRefusalTold: boolean;
  /** The record that was told to be waiting for its coordinator. */
  readonly toldBlocked?: string;
  /** The preferred holder for whom we stepped down already (contract §1.7). */
  readonly obeyed?: string;
}

export type Way = "read" | "write";

/** Why a term ended without our will. */
export interface Loss {
  /** One of few, so that it can be counted. */
  readonly cause:
    | "expired"
    | "deleted"
    | "emptied"
    | "other holder"
    | "same identity"
    | "rolled back"
    | "watchdog";
  /** For who reads the log. */
  readonly reason: string;
}

interface Health {
  /** Failures in a row. */
  readonly failures: number;
  /** The kinds of problems that were told since the last success: each is told once. */
  readonly told: readonly string[];
}

/** A write of ours: what it says, and when it was sent, which is where its deadlines count from. */
export interface Write {
  readonly id: string;
  readonly renewTime: string;
  readonly sentAt: Instant;
}

/** Looks, and claims when that is allowed. */
export interface Candidate {
  readonly name: "candidate";
  /** False until the last term's tree is verified empty (S2). */
  readonly mayClaim: boolean;
  /** A write of ours was not answered: a look comes before the next claim (S2). */
  readonly unsettled: boolean;
  readonly reading?: Reading;
  /** When to look next while no watch tells. */
  readonly lookAt: Instant;
  /** No claim before: the last one was refused. */
  readonly holdUntil: Instant;
}

export interface Reading {
  readonly id: string;
  /** The newest version known when it was sent: a linearizable read is never older (O10). */
  readonly newest: string;
}

/** Has sent the write that would open a term. */
export interface Claiming {
  readonly name: "claiming";
  /** The newest version known when the claim was sent: the token has to be newer (S10). */
  readonly newest: string;
  readonly write: Write;
  readonly termMark: string;
}

export interface Leading {
  readonly name: "leading";
  readonly term: Term;
  /** When the last confirmed write was *sent*: every deadline of the term counts from here. */
  readonly confirmedAt: Instant;
  /** The newest object known to be ours: what the next write is based on. */
  readonly base: Lease;
  readonly asking: Asking;
}

/** Has a verified empty tree, and takes the name out. */
export interface Releasing {
  readonly name: "releasing";
  readonly term: Term;
  readonly base: Lease;
  /** E: from here the lease runs out as fast as it could be released. */
  readonly until: Instant;
  readonly asking: Asking;
}

/** The API server finds our write invalid: no retry can help. */
export interface Rejected {
  readonly name: "rejected";
  readonly problem: string;
}

export type Asking =
  | { readonly what: "writing"; readonly write: Write }
  | { readonly what: "reading"; readonly id: string; readonly sentAt: Instant }
  | { readonly what: "pausing"; readonly dueAt: Instant; readonly next: "write" | "read" };

/** One span of leading. */
export interface Term {
  /** The annotation that makes the record ours: incarnation, pod, acquire time. */
  readonly mark: string;
  readonly acquireTime: string;
  /** The fencing token: the version of the write that opened the term (S10). */
  readonly token: string;
  readonly leaseUid: string;
  readonly transitions: number;
}

export type Effects = readonly [Election, ...Effect[]];

/** Applies one more move to the outcome of another. */
export function chain(effects: Effects, move: (election: Election) => Effects): Effects {
  const [election, ...before] = effects;
  const moved = move(election);
  if (before.length === 0) return moved;
  const [after, ...orders] = moved;
  return [after, ...before, ...orders];
}

export function remember(election: Election, news: Partial<Memory>): Election {
  const { settings, memory, phase } = election;
  return { settings, memory: { ...memory, ...news }, phase };
}

export function enter({ settings, memory }: Election, phase: Election["phase"]): Election {
  return { settings, memory, phase };
}

/** Most steps leave the watch as it is. */
export function watching(election: Election, watch: Watch): Election {
  return watch === election.memory.watch ? election : remember(election, { watch });
}

/** A number in [0, 1) from the seed that came with the facts. */
export function draw(election: Election): readonly [number, Election] {
  const [chance, random] = drawn(election.memory.random);
  return [chance, remember(election, { random })];
}

/** The next of mulberry32's numbers, and its state after that. */
function drawn(before: number): readonly [number, number] {
  const random = (before + 0x6d2b79f5) | 0;
  let mixed = Math.imul(random ^ (random >>> 15), 1 | random);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return [((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32, random];
}

export function renewTimes(election: Election): string[] {
  return election.memory.writes.map((write) => write.renewTime);
}

/** Takes note of the lease as it was seen at `at`. */
export function sighted(election: Election, lease: Lease, at: Instant): Election {
  const { memory, settings } = election;
  const sighting = sight(memory.sighting, lease, settings.self, renewTimes(election), at);
  const newest = newerOf(memory.newest, lease.version);
  if (sighting.firstSeenAt !== at) return remember(election, { sighting, newest });
  const [spread, random] = drawn(memory.random);
  return remember(election, { sighting, newest, spread, random });
}

/** The version that the next read must not be older than. */
export function knownVersion({ memory: { sighting } }: Election): string | undefined {
  return sighting?.kind === "present" ? sighting.lease.version : undefined;
}

/** An exchange that did not do what it should. */
export interface Failure {
  readonly way: Way;
  readonly problem: string;
  /** A refusal by rule is worth less haste than an outage. */
  readonly denied: boolean;
  /** 401: the host reads the token anew, so the next attempt may well succeed (N14). */
  readonly isStale: boolean;
  readonly retryAfterMs?: number;
}

/** A server whose addresses change makes a kind of problem of each. */
const kindsKept = 20;

/** How an exchange goes that has not failed. */
export const unfailing: Health = { failures: 0, told: [] };

/** Counts a failure, and tells its problem once: again only when it is one of another kind. */
export function failed(election: Election, { way, problem }: Failure): Effects {
  const { failures, told } = election.memory.health[way];
  const kind = kindOf(problem);
  const isTold = told.includes(kind);
  const entry = { failures: failures + 1, told: isTold ? told : [...told, kind].slice(-kindsKept) };
  const counted = remember(election, { health: { ...election.memory.health, [way]: entry } });
  return isTold ? [counted] : [counted, note("warn", `cannot ${way} the lease`, { problem })];
}

export function succeeded(election: Election, way: Way): Effects {
  if (election.memory.health[way].told.length === 0) return [election];
  const health = { ...election.memory.health, [way]: unfailing };
  return [remember(election, { health }), note("info", `can ${way} the lease again`)];
}

/** A leader retried as densely as it could: a candidate's patience begins anew, at its least. */
export function unhurried(election: Election): Election {
  const { read, write } = election.memory.health;
  const health = { read: { ...read, failures: 0 }, write: { ...write, failures: 0 } };
  return remember(election, { health });
}

/** When a candidate tries again: the later the more often it was denied. */
export function backoff(
  election: Election,
  { way, denied, isStale, retryAfterMs = 0 }: Failure,
  now: Now,
): readonly [Instant, Election] {
  const [chance, drawn] = draw(election);
  const times = Math.min(election.memory.health[way].failures, 10);
  if (isStale && times === 1) return [now.instant, election];
  const { retryMs } = election.settings.timing;
  const pauseMs = denied
    ? Math.min(30_000, retryMs * 2 ** (times - 1)) * (0.8 + 0.4 * chance)
    : Math.max(500, Math.min(retryAfterMs, 10_000)) + 300 * chance;
  return [later(now.instant, pauseMs), drawn];
}

/** How long to wait after a conflict: a race as fast as the network allows would help nobody. */
export function conflicted(election: Election): readonly [number, Election] {
  const conflicts = election.memory.conflicts + 1;
  return [Math.min(200, (conflicts - 1) * 10), remember(election, { conflicts })];
}

export function newerOf(a: string, b: string): string {
  return isNewer(b, a) ? b : a;
}

/** A candidate that looks at once. */
export function candidate(now: Now, rest?: Partial<Candidate>): Candidate {
  return {
    name: "candidate",
    mayClaim: true,
    unsettled: false,
    lookAt: now.instant,
    holdUntil: now.instant,
    ...rest,
  };
}
