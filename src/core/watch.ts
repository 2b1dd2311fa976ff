/**
 * The watch on the one lease: how it is opened, heard, doubted and opened again.
 *
 * It only tells what it heard. Whoever owns it decides what an event means, and looks (GET) when it
 * is told that the watch was silent or lost (L6).
 */
import { asObject, parseJson, refusal } from "./json.ts";
import { type Lease, leaseOf } from "./lease.ts";
import { type Instant, later, type Order, type Report } from "./protocol.ts";

export type Watch = Closed | Opening | Open;

interface Shared {
  readonly path: string;
  readonly timeoutMs: number;
  readonly silenceMs: number;
  /** How many streams were opened so far: the next id. */
  readonly count: number;
  /** A stream that a server ends at once is not opened again at once. */
  readonly notBefore: Instant;
}

interface Closed extends Shared {
  readonly phase: "closed";
  /** The version that was known is too old to go on from: the next stream begins anew. */
  readonly isStale: boolean;
}

interface Opening extends Shared {
  readonly phase: "opening";
  readonly id: string;
}

interface Open extends Shared {
  readonly phase: "open";
  readonly id: string;
  /** Silent for so long, the stream is doubted. */
  readonly doubtAt: Instant;
  /** Doubled with every doubt that was unfounded: a lease that nobody holds is silent. */
  readonly patienceMs: number;
}

/** What a report about the watch means. */
export type Heard =
  | { readonly what: "lease"; readonly lease: Lease }
  /** As it was last, under the version of its deletion. */
  | { readonly what: "deleted"; readonly lease: Lease }
  /** The stream is lost, refused or cannot be continued: only a look tells what is so now. */
  | { readonly what: "lost"; readonly problem: string }
  | { readonly what: "nothing" };

type Effects = readonly [Watch, Heard, ...Order[]];

/** After a refusal (403) the watch is tried again this rarely, and polling goes on meanwhile. */
const refusedPauseMs = 60_000;
const pauseMs = 1000;
const longestPatienceMs = 30_000;

export function begin(
  path: string,
  times: { readonly requestMs: number; readonly silenceMs: number },
  at: Instant,
): Watch {
  const { requestMs: timeoutMs, silenceMs } = times;
  const shared = { path, timeoutMs, silenceMs, count: 0, notBefore: at };
  return { ...shared, phase: "closed", isStale: false };
}

export function wakeAt(watch: Watch): Instant | undefined {
  switch (watch.phase) {
    case "closed":
      return watch.notBefore;
    case "opening":
      return undefined;
    case "open":
      return watch.doubtAt;
  }
}

/** Opens the stream after `version` (or wherever the lease begins), if it is closed and due. */
export function open(watch: Watch, version: string | undefined, at: Instant): [Watch, ...Order[]] {
  if (watch.phase !== "closed" || watch.notBefore > at) return [watch];
  const count = watch.count + 1;
  const id = `watch-${count}`;
  const isAnew = version === undefined || watch.isStale;
  const from = isAnew ? "" : `&resourceVersion=${version}`;
  return [
    { ...shared(watch), phase: "opening", id, count, notBefore: later(at, pauseMs) },
    { type: "watch", id, path: `${watch.path}${from}`, timeoutMs: watch.timeoutMs },
  ];
}

/** Takes any report; only those about this stream mean something. */
export function hear(watch: Watch, report: Report, at: Instant): Effects {
  const isAbout = watch.phase !== "closed" && "id" in report && report.id === watch.id;
  if (!isAbout) return [watch, { what: "nothing" }];
  switch (report.type) {
    case "opened":
      return [listening(watch, report.id, at), { what: "nothing" }];
    case "line":
      return read(watch, report.id, report.text, at);
    case "answered": {
      const notBefore = later(at, report.status === 403 ? refusedPauseMs : pauseMs);
      return [
        { ...closed(watch), notBefore },
        lost(`watch refused with ${refusal(report.status, report.body)}`),
      ];
    }
    case "unanswered":
      return [closed(watch), lost(report.error)];
    case "ended":
      return [closed(watch), lost(report.error ?? "the server ended the watch")];
    default:
      return [watch, { what: "nothing" }];
  }
}

/** Whether the stream has been silent for too long. */
export function isDoubted(watch: Watch, at: Instant): boolean {
  return watch.phase === "open" && at >= watch.doubtAt;
}

/** The silence was right: nothing had happened. It may last twice as long next time. */
export function trust(watch: Watch, at: Instant): Watch {
  if (watch.phase !== "open") return watch;
  const patienceMs = Math.min(watch.patienceMs * 2, Math.max(longestPatienceMs, watch.silenceMs));
  return { ...watch, patienceMs, doubtAt: later(at, patienceMs) };
}

/** Gives the stream up. */
export function drop(watch: Watch): [Watch, ...Order[]] {
  if (watch.phase === "closed") return [watch];
  return [closed(watch), { type: "abandon", id: watch.id }];
}

function read(watch: Watch, id: string, text: string, at: Instant): Effects {
  const event = asObject(parseJson(text));
  const object = event?.["object"];
  switch (event?.["type"]) {
    case "ADDED":
    case "MODIFIED": {
      const lease = leaseOf(object);
      if (typeof lease === "string") return abandoned(watch, id, `unreadable event: ${lease}`);
      return [listening(watch, id, at), { what: "lease", lease }];
    }
    case "DELETED": {
      const lease = leaseOf(object);
      if (typeof lease === "string") return abandoned(watch, id, `unreadable event: ${lease}`);
      return [listening(watch, id, at), { what: "deleted", lease }];
    }
    case "BOOKMARK":
      return [listening(watch, id, at), { what: "nothing" }];
    default:
      // An ERROR event (410 Gone among them) ends what the stream can tell.
      return abandoned(watch, id, `watch error: ${problemOf(object)}`);
  }
}

function problemOf(object: unknown): string {
  const message = asObject(object)?.["message"];
  return typeof message === "string" ? message.slice(0, 200) : "not an event";
}

function abandoned(watch: Watch, id: string, problem: string): Effects {
  return [{ ...closed(watch), isStale: true }, lost(problem), { type: "abandon", id }];
}

/** Every line comes by here, and so does every simulated hour: a literal is the fastest copy. */
function listening(watch: Watch, id: string, at: Instant): Open {
  const { path, timeoutMs, silenceMs, count, notBefore } = watch;
  const doubtAt = later(at, silenceMs);
  const patienceMs = silenceMs;
  return { path, timeoutMs, silenceMs, count, notBefore, phase: "open", id, patienceMs, doubtAt };
}

function closed(watch: Watch): Closed {
  return { ...shared(watch), phase: "closed", isStale: false };
}

function lost(problem: string): Heard {
  return { what: "lost", problem };
}

function shared({ path, timeoutMs, silenceMs, count, notBefore }: Watch): Shared {
  return { path, timeoutMs, silenceMs, count, notBefore };
}
