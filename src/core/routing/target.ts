/**
 * One object of the API server as the routing knows it: what was found, the one exchange about it, the
 * stream of its changes, and when it is looked at again.
 */
import { asObject, isNewer, type JsonObject, parseJson, refusal } from "../json.ts";
import { type Instant, later, type Now, type Report } from "../protocol.ts";
import { type Name, objectIn, versionOf } from "./objects.ts";

export interface Target {
  readonly name: Name;
  readonly found: Found;
  readonly asking?: { readonly id: string; readonly what: "reading" | "writing" };
  /** Known, it is looked at again from here; unknown, not before. */
  readonly dueAt: Instant;
  /** The next write of the same term, and the pause after it: others write too. */
  readonly writeAt: Instant;
  readonly pauseMs: number;
  /** Our address was sent in this term, and is not known to be gone. */
  readonly mayNameUs: boolean;
  readonly stream?: string;
  readonly streamAt: Instant;
  /** Why the last exchange came to nothing, and the kind of problem that was told last. */
  readonly problem?: string;
  readonly told?: string;
}

export type Found =
  | { readonly how: "unknown" | "absent" }
  /** Refused, which seldom passes by itself. */
  | { readonly how: "denied" }
  | { readonly how: "present"; readonly object: JsonObject };

/** Somebody else writes too: no race as fast as the network allows, and a storm calms down. */
const leastPauseMs = 50;
const mostPauseMs = 5000;
const checkMs = 30_000;
/** A right that is missing is seldom granted, but an address that is left elsewhere misleads. */
const deniedMs = 60_000;
const streamPauseMs = 1000;
/** No right to watch it: looks alone suffice. */
const refusedStreamMs = 600_000;

/** For a new term: nothing is known but what was told. */
export function anew(name: Name, known: Target | undefined, at: Instant): Target {
  return {
    name,
    found: { how: "unknown" },
    dueAt: at,
    writeAt: at,
    pauseMs: leastPauseMs,
    mayNameUs: false,
    streamAt: at,
    ...(known?.told === undefined ? {} : { told: known.told }),
  };
}

/** What there is to be said is new: no pause after what was said before. */
export function hurried(target: Target, at: Instant): Target {
  const dueAt = target.found.how === "unknown" ? at : target.dueAt;
  return { ...target, writeAt: at, pauseMs: leastPauseMs, dueAt };
}

/** Without stream and read, which are abandoned. */
export function alone(target: Target): Target {
  const { stream: _, asking, ...rest } = target;
  return asking?.what === "writing" ? { ...rest, asking } : rest;
}

export function isDue({ asking, dueAt }: Target, at: Instant): boolean {
  return asking === undefined && dueAt <= at;
}

/** The pause before a write grows with every one that is soon followed by another. */
export function writing(target: Target, id: string, namesUs: boolean, at: Instant): Target {
  const isSoon = at < later(target.writeAt, 2 * mostPauseMs);
  const pauseMs = isSoon ? target.pauseMs : leastPauseMs;
  return {
    ...target,
    asking: { id, what: "writing" },
    writeAt: later(at, pauseMs),
    pauseMs: Math.min(2 * pauseMs, mostPauseMs),
    mayNameUs: target.mayNameUs || namesUs,
  };
}

/** Nothing that was found counts any more, and it is looked at again from `dueAt` on. */
export function forgotten(target: Target, dueAt: Instant): Target {
  return { ...target, found: { how: "unknown" }, dueAt };
}

/** Takes any report; the same target if it is about something else. */
export function hear(target: Target, report: Report, retryMs: number, now: Now): Target {
  if (!("id" in report)) return target;
  if (report.id === target.stream) return overheard(target, report, now);
  if (report.id !== target.asking?.id) return target;
  if (report.type !== "answered" && report.type !== "unanswered") return target;
  const { asking, problem: _, ...rest } = target;
  const retryAt = later(now.instant, retryMs);
  if (report.type === "unanswered") return { ...forgotten(rest, retryAt), problem: report.error };
  const { status, body } = report;
  if (status === 200 || status === 201) {
    const object = objectIn(target.name, parseJson(body));
    return object === undefined ? forgotten(rest, retryAt) : learned(rest, object, now);
  }
  if (status === 404 && asking.what === "reading") return missed(rest, now);
  if (status === 409) return forgotten(rest, rest.writeAt);
  const problem = refusal(status, body);
  const isRefused = status >= 400 && status < 429;
  if (!isRefused) return { ...forgotten(rest, retryAt), problem };
  return { ...rest, found: { how: "denied" }, dueAt: later(now.instant, deniedMs), problem };
}

/** When it is looked at again. */
export function wakeAt({ asking, dueAt }: Target): Instant | undefined {
  return asking === undefined ? dueAt : undefined;
}

/** The newest is what is so: a stream may tell late what an answer told already. */
function learned(target: Target, object: JsonObject, now: Now): Target {
  const { found } = target;
  const isKnown = found.how === "present" && isNewer(versionOf(found.object), versionOf(object));
  if (isKnown) return target;
  return { ...target, found: { how: "present", object }, dueAt: later(now.instant, checkMs) };
}

function missed(target: Target, now: Now): Target {
  return { ...target, found: { how: "absent" }, dueAt: later(now.instant, checkMs) };
}

/** What a stream cannot tell is left to the next look. */
function overheard(target: Target, report: Report, now: Now): Target {
  const { stream: _, ...closed } = target;
  if (report.type === "opened") return target;
  if (report.type !== "line") {
    const pauseMs = report.type === "answered" ? refusedStreamMs : streamPauseMs;
    return { ...closed, streamAt: later(now.instant, pauseMs) };
  }
  const event = asObject(parseJson(report.text));
  const object = objectIn(target.name, event?.["object"]);
  switch (event?.["type"]) {
    case "ADDED":
    case "MODIFIED":
      return object === undefined ? target : learned(target, object, now);
    case "DELETED": {
      const deleted = object === undefined ? target : learned(target, object, now);
      return deleted === target ? target : missed(target, now);
    }
    case "ERROR":
      // The server ends the stream after this (410): the next one begins at a version that is known.
      return forgotten(target, now.instant);
    default:
      return target;
  }
}
