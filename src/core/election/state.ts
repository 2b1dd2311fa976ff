/** What the election knows in each phase, and the small moves that all phases share. */
import { isNewer } from "../json.ts";
import type { About } from "../lease-story.ts";
import type { Lease } from "../lease.ts";
import type { LossCause } from "../metrics.ts";
import type { Effect } from "../notes.ts";
import type { Instant, Now } from "../protocol.ts";
import { aged, type Self, type Sighting, sight } from "../sighting.ts";
import type { Timing } from "../timing.ts";
import type { Watch } from "../watch.ts";
import type { Health } from "./health.ts";

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
  readonly about: About;
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
  readonly cause: LossCause;
  /** For who reads the log. */
  readonly reason: string;
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
  readonly reason: string;
  /** It creates the Lease, and somebody else's was seen meanwhile: its answer opens no term (I13). */
  readonly isContested?: true;
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
  /** Why it is let go, for who reads. */
  readonly reason: string;
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
  /** Why it could be opened, for who reads. */
  readonly reason: string;
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

/** Nobody told for a while what became of a Lease that was gone. */
export function outdated(election: Election): Election {
  const { sighting } = election.memory;
  const old = aged(sighting);
  return old === undefined || old === sighting ? election : remember(election, { sighting: old });
}

/** The version that the next read must not be older than. */
export function knownVersion({ memory: { sighting } }: Election): string | undefined {
  return sighting?.kind === "present" ? sighting.lease.version : undefined;
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
