/**
 * What should be seen beside the Lease: Kubernetes Events on it (events.k8s.io/v1), best effort.
 *
 * Never in the way: one POST is under way at a time, a few wait, what comes too often is dropped, and
 * a server that refuses is left alone for a while. A release waits for none of it; the exit after it
 * waits half a second at most, and not at all where the last POST failed.
 */
import { cut, formatMicroTime } from "./json.ts";
import { type Effect, type Note, note } from "./notes.ts";
import { type Instant, later, type Now, type Report } from "./protocol.ts";

export interface Notices {
  readonly source: Source;
  /** How many there were: the next one's number. */
  readonly count: number;
  /** The oldest first; it is the one that is under way. */
  readonly waiting: readonly Waiting[];
  readonly askingId?: string;
  /** No POST before. */
  readonly dueAt: Instant;
  /** POSTs in a row that failed. */
  readonly failures: number;
  readonly bucket: Bucket;
  readonly isRefusalTold: boolean;
  /** The Lease that was led or seen last: an Event stays with it when it is deleted. */
  readonly leaseUid?: string;
  /** The program only waits for these: until then. */
  readonly leaveAt?: Instant;
}

/** Who tells, and about what. */
export interface Source {
  readonly lock: { readonly namespace: string; readonly name: string };
  readonly identity: string;
  readonly pod?: string;
  readonly incarnation: string;
}

interface Waiting {
  readonly id: string;
  readonly body: string;
}

/** What may still be told at once: it fills up again with time. */
interface Bucket {
  readonly tokens: number;
  readonly at: Instant;
}

type Effects = readonly [Notices, ...Effect[]];

const burst = 10;
const refillMs = 60_000;
const mostWaiting = 8;
const requestMs = 2000;
/** An Event is tried so often. */
const attempts = 5;
/** Events that are refused are not tried again before: an operator may have allowed them. */
const quietMs = 600_000;
const lingerMs = 500;
/** What follows upon the news comes first: the start of the command, the end of the process. */
const restMs = 250;
const controller = "k8s-await-election";
/** 1024 bytes are allowed: a character takes up to three, or four for two of these. */
const longestNote = 330;

export function begin(source: Source, now: Now): Notices {
  return {
    source,
    count: 0,
    waiting: [],
    dueAt: now.instant,
    failures: 0,
    bucket: { tokens: burst, at: now.instant },
    isRefusalTold: false,
  };
}

/** Takes up the notes that are Events too; `leaseUid` is that of the Lease as it is known now. */
export function tell(
  notices: Notices,
  effects: readonly Effect[],
  leaseUid: string | undefined,
  now: Now,
): Notices {
  let told = notices;
  for (const effect of effects) {
    if (effect.type === "note" && effect.event !== undefined) {
      told = queue(told, effect, effect.event, leaseUid, now);
    }
  }
  return told;
}

/** Takes any report. */
export function step(notices: Notices, report: Report, now: Now): Effects {
  const isAnswer = report.type === "answered" || report.type === "unanswered";
  if (!isAnswer || report.id !== notices.askingId) return proceed(notices, now);
  const { askingId: _, ...asked } = notices;
  const status = report.type === "answered" ? report.status : 0;
  // 409: an attempt whose answer was lost has made it.
  if ([200, 201, 409].includes(status)) return proceed(sent(asked), now);
  if (status === 403 || status === 404 || status === 405) {
    const dueAt = later(now.instant, quietMs);
    const refused = { ...asked, waiting: [], failures: 0, dueAt, isRefusalTold: true };
    // What is missing for them the preflight says.
    const told = note("info", "Events are refused: none is written", { status });
    return asked.isRefusalTold ? [refused] : [refused, told];
  }
  const isInvalid = status >= 400 && status < 500 && status !== 401 && status !== 429;
  const failures = asked.failures + 1;
  if (isInvalid || failures >= attempts) return proceed(sent(asked), now);
  const pauseMs = 1000 * 2 ** failures;
  const patienceMs = report.type === "answered" ? Math.min(report.retryAfterMs ?? 0, 60_000) : 0;
  return [{ ...asked, failures, dueAt: later(now.instant, Math.max(pauseMs, patienceMs)) }];
}

export function wakeAt({ waiting, askingId, dueAt, leaveAt }: Notices): Instant | undefined {
  if (askingId !== undefined || waiting.length === 0) return leaveAt;
  return leaveAt !== undefined && leaveAt < dueAt ? leaveAt : dueAt;
}

/** The last thing that is waited for: undefined once nothing is left to wait for, or it is time. */
export function linger(notices: Notices, now: Now): Notices | undefined {
  const { waiting, failures, leaveAt } = notices;
  const isOver = leaveAt !== undefined && now.instant >= leaveAt;
  if (waiting.length === 0 || failures > 0 || isOver) return undefined;
  if (leaveAt !== undefined) return notices;
  return { ...notices, dueAt: now.instant, leaveAt: later(now.instant, lingerMs) };
}

function queue(
  notices: Notices,
  told: Note,
  event: NonNullable<Note["event"]>,
  leaseUid = notices.leaseUid,
  now: Now,
): Notices {
  // Nothing waits and nothing may be sent: they are refused.
  if (now.instant < notices.dueAt && notices.waiting.length === 0) return notices;
  const { tokens, at } = notices.bucket;
  const filled = Math.min(burst, tokens + (now.instant - at) / refillMs);
  if (filled < 1 || notices.waiting.length >= mostWaiting) return notices;
  const count = notices.count + 1;
  const waiting = {
    id: `event-${count}`,
    body: JSON.stringify(eventOf(notices.source, count, told, event, leaseUid, now)),
  };
  return {
    ...notices,
    count,
    waiting: [...notices.waiting, waiting],
    ...(notices.waiting.length === 0 && { dueAt: later(now.instant, restMs) }),
    bucket: { tokens: filled - 1, at: now.instant },
    ...(leaseUid !== undefined && { leaseUid }),
  };
}

/** The first is done with, one way or the other. */
function sent(notices: Notices): Notices {
  return { ...notices, waiting: notices.waiting.slice(1), failures: 0 };
}

function proceed(notices: Notices, now: Now): Effects {
  const [first] = notices.waiting;
  if (first === undefined || notices.askingId !== undefined || now.instant < notices.dueAt) {
    return [notices];
  }
  const path = `/apis/events.k8s.io/v1/namespaces/${notices.source.lock.namespace}/events`;
  return [
    { ...notices, askingId: first.id },
    { type: "request", ...first, method: "POST", path, timeoutMs: requestMs },
  ];
}

function eventOf(
  { lock, identity, pod, incarnation }: Source,
  count: number,
  { level, message, values }: Note,
  { reason, action }: NonNullable<Note["event"]>,
  uid: string | undefined,
  now: Now,
): object {
  const { namespace, name } = lock;
  const why = values?.["reason"] ?? values?.["problem"] ?? values?.["advice"];
  // A name of its own makes a second attempt harmless; kubectl shows Events in the order of their names.
  const prefix = name.slice(0, 200).replace(/[-.]+$/, "");
  const time = Math.max(0, Math.floor(now.wallMs)).toString(16).padStart(12, "0");
  const said = `${identity}: ${message}${why === undefined ? "" : `: ${why}`}`;
  return {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { namespace, name: `${prefix}.${time}-${incarnation.slice(0, 12)}-${count}` },
    eventTime: formatMicroTime(now.wallMs),
    reportingController: controller,
    reportingInstance: instanceOf(pod ?? identity),
    regarding: {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      namespace,
      name,
      ...(uid !== undefined && { uid }),
    },
    type: level === "info" ? "Normal" : "Warning",
    reason,
    action,
    note: cut(said, longestNote),
  };
}

/** At most 128 bytes. */
function instanceOf(name: string): string {
  return name.slice(0, /^[ -~]*$/.test(name) ? 128 : 42);
}
