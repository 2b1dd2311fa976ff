/**
 * The Lease object as the election sees it, and the bodies that it writes (contract §1.1, §1.8).
 *
 * Times are compared as text, never parsed: another host's clock means nothing to us (I6). What we
 * do not know of an object is kept as it was read (I12).
 */
import { asObject, type JsonObject, parseJson } from "./json.ts";
import { type Change, labelsOf, storyOf } from "./lease-story.ts";

export interface Lease {
  /** The object as read. */
  readonly raw: JsonObject;
  readonly uid: string;
  /** `metadata.resourceVersion`: decimal digits. */
  readonly version: string;
  /** Empty when nobody holds the lease. */
  readonly holder: string;
  readonly durationSeconds?: number | undefined;
  readonly acquireTime?: string | undefined;
  readonly renewTime?: string | undefined;
  readonly transitions: number;
  /** Set where a coordinator appoints the holder (KEP-4355). */
  readonly strategy?: string | undefined;
  readonly preferredHolder?: string | undefined;
  /** Who of ours took it last, from the annotation; says nothing about the present holder. */
  readonly termMark?: string | undefined;
  readonly releaseMark?: string | undefined;
  /** Being deleted: it waits for finalizers. */
  readonly terminating: boolean;
}

/** What a claim or renewal puts into the record. */
export interface Claim {
  readonly holder: string;
  readonly durationSeconds: number;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly transitions: number;
  readonly termMark: string;
}

const termAnnotation = "k8s-await-election/term";
const releaseAnnotation = "k8s-await-election/released";
const int32Max = 2 ** 31 - 1;

/** Reads a Lease from the text of an answer; a string says why it is none. */
export function readLease(text: string): Lease | string {
  return leaseOf(parseJson(text));
}

/** Reads a Lease from a parsed object; a string says why it is none. */
export function leaseOf(value: unknown): Lease | string {
  const object = asObject(value);
  const metadata = asObject(object?.["metadata"]);
  if (object === undefined || metadata === undefined) return "not a JSON object with metadata";
  if (object["kind"] !== "Lease") return `kind is ${quoted(object["kind"])}, not "Lease"`;
  const { uid, resourceVersion } = metadata as Record<"uid" | "resourceVersion", unknown>;
  if (typeof uid !== "string" || uid === "") return `metadata.uid is ${quoted(uid)}`;
  if (typeof resourceVersion !== "string" || !/^\d{1,40}$/.test(resourceVersion)) {
    return `metadata.resourceVersion is ${quoted(resourceVersion)}`;
  }
  const spec = asObject(object["spec"]) ?? {};
  const annotations = asObject(metadata["annotations"]) ?? {};
  return {
    raw: object,
    uid,
    version: resourceVersion,
    holder: textOf(spec["holderIdentity"]) ?? "",
    durationSeconds: countOf(spec["leaseDurationSeconds"]),
    acquireTime: textOf(spec["acquireTime"]),
    renewTime: textOf(spec["renewTime"]),
    transitions: countOf(spec["leaseTransitions"]) ?? 0,
    strategy: textOf(spec["strategy"]),
    preferredHolder: textOf(spec["preferredHolder"]),
    termMark: textOf(annotations[termAnnotation]),
    releaseMark: textOf(annotations[releaseAnnotation]),
    terminating: textOf(metadata["deletionTimestamp"]) !== undefined,
  };
}

/**
 * The body that puts `claim` into the very object that was read, with its uid and version (S6), or
 * into a new one. A renewal is no change: what the claim told of itself stays.
 */
export function claimBody(
  base: Lease | undefined,
  name: string,
  claim: Claim,
  change?: Change,
): string {
  return JSON.stringify(
    edited(
      base?.raw ?? {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { name },
      },
      {
        ...(change && storyOf(change, "claimed", claim.acquireTime)),
        [termAnnotation]: claim.termMark,
        [releaseAnnotation]: undefined,
      },
      {
        holderIdentity: claim.holder,
        leaseDurationSeconds: claim.durationSeconds,
        acquireTime: claim.acquireTime,
        renewTime: claim.renewTime,
        leaseTransitions: claim.transitions,
      },
      change && labelsOf(change.about),
    ),
  );
}

/** The body that takes our name out again, with the mark that says so (I9). */
export function releaseBody(base: Lease, termMark: string, time: string, change: Change): string {
  return JSON.stringify(
    edited(
      base.raw,
      {
        ...storyOf(change, "released", time),
        [releaseAnnotation]: releaseMark(termMark, time),
      },
      {
        holderIdentity: "",
        leaseDurationSeconds: 1,
        acquireTime: time,
        renewTime: time,
        leaseTransitions: base.transitions,
      },
      labelsOf({}),
    ),
  );
}

/** Whether this very record is a release of ours: a Go elector's later one keeps the annotation. */
export function isReleased(lease: Lease): boolean {
  const { releaseMark: mark, renewTime } = lease;
  return (
    lease.holder === "" &&
    mark !== undefined &&
    renewTime !== undefined &&
    mark.endsWith(`/${renewTime}`)
  );
}

/** Whether this record is our release of that term at that time. */
export function isReleaseOf(lease: Lease, termMark: string, time: string): boolean {
  return isReleased(lease) && lease.releaseMark === releaseMark(termMark, time);
}

/** Who of ours wrote a term mark. */
export interface Mark {
  readonly incarnation: string;
  readonly podUid: string;
  /** The process was PID 1 of its own PID namespace: its tree cannot have outlived it (L8). */
  readonly pid1: boolean;
}

/** The annotation that makes a term ours: incarnation, pod and the term's acquire time (I10). */
export function formatMark(mark: Mark, acquireTime: string): string {
  const { incarnation, podUid, pid1 } = mark;
  return `${incarnation}/${podUid}/${acquireTime}${pid1 ? "/pid1" : ""}`;
}

/**
 * Who of ours holds the lease. A Go leader keeps our annotation, so one whose acquire time is not
 * the record's is stale, and the holder is not one of ours.
 */
export function validMark(lease: Lease): Mark | undefined {
  if (lease.holder === "" || lease.termMark === undefined) return undefined;
  if (lease.acquireTime === undefined) return undefined;
  const [incarnation, podUid, acquireTime, pid1, ...rest] = lease.termMark.split("/");
  if (incarnation === undefined || podUid === undefined || rest.length > 0) return undefined;
  if (acquireTime !== lease.acquireTime || !(pid1 === undefined || pid1 === "pid1")) {
    return undefined;
  }
  return { incarnation, podUid, pid1: pid1 === "pid1" };
}

/**
 * What changes with every write of an elector and with nothing else (I4): not the resourceVersion,
 * or anyone who annotates the lease in a loop would postpone its expiry for ever.
 */
export function recordKey(lease: Lease): string {
  return JSON.stringify([
    lease.uid,
    lease.holder,
    lease.termMark,
    lease.durationSeconds,
    lease.acquireTime,
    lease.renewTime,
    lease.transitions,
  ]);
}

/** The transition count of a record that another takes over, kept within int32 (O6). */
export function nextTransitions(transitions: number): number {
  return transitions < int32Max ? transitions + 1 : int32Max;
}

/** Without `managedFields`: the API server keeps those when they are absent. */
function edited(
  raw: JsonObject,
  annotations: JsonObject,
  spec: JsonObject,
  labels?: JsonObject,
): JsonObject {
  const metadata = asObject(raw["metadata"]) ?? {};
  return {
    ...raw,
    metadata: {
      ...metadata,
      managedFields: undefined,
      ...(labels && { labels: { ...asObject(metadata["labels"]), ...labels } }),
      annotations: { ...asObject(metadata["annotations"]), ...annotations },
    },
    spec: { ...asObject(raw["spec"]), ...spec },
  };
}

function releaseMark(termMark: string, time: string): string {
  return `${termMark}/${time}`;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function countOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= int32Max
    ? value
    : undefined;
}

function quoted(value: unknown): string {
  if (typeof value === "object" && value !== null) return "an object or array";
  return value === undefined ? "missing" : JSON.stringify(value).slice(0, 60);
}
