/** The requests of the election: their paths, bodies and ids, and what their answers say. */
import { formatMicroTime, refusal } from "../json.ts";
import type { Change } from "../lease-story.ts";
import {
  claimBody,
  formatMark,
  type Lease,
  nextTransitions,
  readLease,
  releaseBody,
} from "../lease.ts";
import type { Now, Order, Report } from "../protocol.ts";
import { deadlines, leastRequestMs } from "../timing.ts";
import { type Failure } from "./health.ts";
import {
  type Asking,
  type Election,
  type Memory,
  type Releasing,
  remember,
  type Term,
  type Way,
  type Write,
} from "./state.ts";

type Request = Extract<Order, { type: "request" }>;

/** The end of an exchange. */
export type Outcome = Extract<Report, { type: "answered" | "unanswered" }>;

/** Unanswered claims that a candidate remembers; a leader's writes are bounded by its deadline. */
const claimsKept = 64;

const manager = "k8s-await-election";

export function leasesPath(namespace: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
}

/** Every event of this one lease, and bookmarks, which prove that a silent stream is alive. */
export function watchPath(namespace: string, name: string): string {
  const query = `watch=true&fieldSelector=metadata.name%3D${name}&allowWatchBookmarks=true`;
  return `${leasesPath(namespace)}?${query}`;
}

/** Reads the lease: linearizable, for there is no resourceVersion in it. */
export function read(election: Election, now: Now): readonly [Election, Request] {
  const { namespace, name } = election.settings;
  const path = `${leasesPath(namespace)}/${name}`;
  return request(election, { method: "GET", path }, now);
}

/** The write that opens a term: on the very object that was seen, or a creation where none was. */
export function claim(
  election: Election,
  base: Lease | undefined,
  isOwn: boolean,
  reason: string,
  now: Now,
): readonly [Election, Request, Write] {
  const wallMs = nextWallMs(election, now);
  const { writes } = election.memory;
  const forgetful = remember(election, { writes: writes.slice(-claimsKept) });
  const taken = base === undefined ? 0 : nextTransitions(base.transitions);
  const transitions = base !== undefined && isOwn ? base.transitions : taken;
  const acquireTime = formatMicroTime(wallMs);
  const change = { about: election.settings.about, reason };
  return put(forgetful, base, { acquireTime, transitions, change }, wallMs, now);
}

/** The write that keeps the term. */
export function renewal(
  election: Election,
  base: Lease,
  { acquireTime, transitions }: Term,
  now: Now,
): readonly [Election, Request, Write] {
  return put(election, base, { acquireTime, transitions }, nextWallMs(election, now), now);
}

/** The write that takes our name out. */
export function release(
  election: Election,
  { base, term, reason }: Releasing,
  now: Now,
): readonly [Election, Request, Write] {
  const { namespace, name, about } = election.settings;
  const wallMs = nextWallMs(election, now);
  const path = `${leasesPath(namespace)}/${name}?fieldManager=${manager}`;
  const body = releaseBody(base, term.mark, formatMicroTime(wallMs), { about, reason });
  return write(election, { method: "PUT", path, body }, wallMs, now);
}

/** The end of this exchange, if that is what the report tells. */
export function outcomeOf(report: Report, id: string | undefined): Outcome | undefined {
  const isOutcome = report.type === "answered" || report.type === "unanswered";
  return isOutcome && report.id === id ? report : undefined;
}

/** The exchange under way, if there is one. */
export function idOf(asking: Asking): string | undefined {
  switch (asking.what) {
    case "writing":
      return asking.write.id;
    case "reading":
      return asking.id;
    case "pausing":
      return undefined;
  }
}

/** Destroys the exchange under way, if there is one. */
export function abandonment(asking: Asking): Order[] {
  const id = idOf(asking);
  return id === undefined ? [] : [{ type: "abandon", id }];
}

/** Whether a server that answered so may have applied the write all the same. */
export function isAmbiguous({ status }: { readonly status: number }): boolean {
  return status < 400 || status >= 500;
}

/** The lease that a 2xx carries; a string says why it is none. */
export function leaseIn(outcome: Outcome): Lease | string {
  if (outcome.type === "unanswered") return outcome.error;
  const lease = readLease(outcome.body);
  return typeof lease === "string" ? `the answer holds no Lease: ${lease}` : lease;
}

export function isSuccess(
  outcome: Outcome,
): outcome is Extract<Outcome, { type: "answered" }> & { readonly status: 200 | 201 } {
  return outcome.type === "answered" && (outcome.status === 200 || outcome.status === 201);
}

/** Why an exchange did not do what it should. */
export function failureOf(way: Way, outcome: Outcome): Failure {
  if (outcome.type === "unanswered") {
    return { way, problem: outcome.error, denied: false, isStale: false };
  }
  const { status, body, retryAfterMs } = outcome;
  const denied = status >= 400 && status < 429;
  const failure = { way, denied, isStale: status === 401 };
  if (isSuccess(outcome)) {
    const lease = leaseIn(outcome);
    const problem = typeof lease === "string" ? lease : "the answer does not show what was written";
    return { ...failure, problem };
  }
  const patience = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { ...failure, ...patience, problem: refusal(status, body) };
}

interface Record {
  readonly acquireTime: string;
  readonly transitions: number;
  readonly change?: Change;
}

function put(
  election: Election,
  base: Lease | undefined,
  { change, ...record }: Record,
  wallMs: number,
  now: Now,
): readonly [Election, Request, Write] {
  const { namespace, name, self, timing } = election.settings;
  const claim = {
    ...record,
    renewTime: formatMicroTime(wallMs),
    holder: self.identity,
    durationSeconds: timing.leaseSeconds,
    termMark: formatMark(self.mark, record.acquireTime),
  };
  const body = claimBody(base, name, claim, change);
  const leases = leasesPath(namespace);
  const target =
    base === undefined
      ? { method: "POST" as const, path: `${leases}?fieldManager=${manager}` }
      : { method: "PUT" as const, path: `${leases}/${name}?fieldManager=${manager}` };
  return write(election, { ...target, body }, wallMs, now);
}

/** Every write has a time of its own, a second after the last: Go compares whole seconds (I3). */
function nextWallMs({ memory: { wroteMs } }: Election, now: Now): number {
  return Math.max(now.wallMs, wroteMs + 1000);
}

function write(
  election: Election,
  content: Pick<Request, "method" | "path" | "body">,
  wallMs: number,
  now: Now,
): readonly [Election, Request, Write] {
  const sent: Write = {
    id: nextId(election),
    renewTime: formatMicroTime(wallMs),
    sentAt: now.instant,
  };
  const writes = [...election.memory.writes, sent];
  return [...request(election, content, now, { writes, wroteMs: wallMs }), sent];
}

function request(
  election: Election,
  content: Pick<Request, "method" | "path" | "body">,
  now: Now,
  news: Partial<Memory> = {},
): readonly [Election, Request] {
  const exchanges = election.memory.exchanges + 1;
  const order: Request = {
    type: "request",
    id: nextId(election),
    ...content,
    timeoutMs: timeoutMs(election, now),
    ...(election.memory.isConnectionDoubted ? { fresh: true } : {}),
  };
  return [remember(election, { ...news, exchanges }), order];
}

function nextId({ memory: { exchanges } }: Election): string {
  return `lease-${exchanges + 1}`;
}

/** A leader waits for an answer the less the nearer G is: a late attempt must not be the last (L4). */
function timeoutMs({ phase, settings: { timing } }: Election, now: Now): number {
  if (phase.name !== "leading") return timing.requestMs;
  const leftMs = deadlines(timing, phase.confirmedAt).stopAt - now.instant;
  return Math.floor(Math.max(leastRequestMs, Math.min(timing.requestMs, leftMs / 3)));
}

/** Takes note of how the server answered, whatever the answer means. */
export function heard(election: Election, outcome: Outcome): Election {
  const isConnectionDoubted = outcome.type === "unanswered" || outcome.status >= 500;
  if (isConnectionDoubted === election.memory.isConnectionDoubted) return election;
  return remember(election, { isConnectionDoubted });
}
