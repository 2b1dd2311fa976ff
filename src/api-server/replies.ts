/** Answers of the server; every failure is a Status object in the words of a real kube-apiserver. */

import type { Cause } from "./causes.ts";
import type { JsonObject } from "./json.ts";
import type { Kind } from "./kind.ts";

/** A complete answer. */
export interface Answer {
  readonly type: "answer";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a request is about; the name is absent for a whole collection. */
export interface Target {
  readonly kind: Kind;
  /** Absent for all namespaces together. */
  readonly namespace?: string;
  readonly name?: string;
}

/** An answer whose body is text already. */
export function success(status: number, text: string): Answer {
  return { type: "answer", status, headers, body: `${text}\n` };
}

export function deleted(target: Target, uid: string): Answer {
  const details = { ...resourceDetails(target), uid };
  return json(200, { ...statusHead, status: "Success", details });
}

export function badRequest(message: string): Answer {
  return failure(400, "BadRequest", message);
}

export function unauthorized(): Answer {
  return failure(401, "Unauthorized", "Unauthorized");
}

export function forbidden(target: Target, user: string, verb: string): Answer {
  const { kind, namespace } = target;
  const where =
    namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const what = `resource "${kind.resource}" in API group "${kind.group}" ${where}`;
  const message = `${titleOf(target)} is forbidden: User "${user}" cannot ${verb} ${what}`;
  return failure(403, "Forbidden", message, resourceDetails(target));
}

export function notFound(target: Target): Answer {
  return failure(404, "NotFound", `${titleOf(target)} not found`, resourceDetails(target));
}

export function namespaceNotFound(name: string): Answer {
  const details = { name, kind: "namespaces" };
  return failure(404, "NotFound", `namespaces "${name}" not found`, details);
}

/** For a resource that a known group does not have. */
export function resourceNotFound(): Answer {
  return failure(404, "NotFound", "the server could not find the requested resource", {});
}

/** For a path outside every known group: plain text, like Go's own HTTP server. */
export function pageNotFound(): Answer {
  const headers = { "content-type": "text/plain; charset=utf-8" };
  return { type: "answer", status: 404, headers, body: "404 page not found\n" };
}

export function methodNotAllowed(): Answer {
  const message = "the server does not allow this method on the requested resource";
  return failure(405, "MethodNotAllowed", message, {});
}

export function alreadyExists(target: Target, isTerminating: boolean): Answer {
  const prefix = isTerminating ? "object is being deleted: " : "";
  const message = `${prefix}${titleOf(target)} already exists`;
  return failure(409, "AlreadyExists", message, resourceDetails(target));
}

/** The resourceVersion of an update is not the current one. */
export function modified(target: Target): Answer {
  const text =
    "the object has been modified; please apply your changes to the latest version and try again";
  return conflict(target, text, target.kind.resource);
}

/** The uid of an update is not that of the object, or there is no object. */
export function otherUid(target: Target, wanted: string, found: string): Answer {
  const key = `/registry/${target.kind.storagePath}/${target.namespace ?? ""}/${target.name ?? ""}`;
  const text =
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ` +
    `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${found}`;
  return conflict(target, text, target.kind.resource);
}

/** A precondition of a deletion fails. */
export function failedPrecondition(target: Target, text: string): Answer {
  return conflict(target, text, target.kind.kind);
}

export function expired(version: number, oldest: number): JsonObject {
  return failureBody(410, "Expired", `too old resource version: ${version} (${oldest})`);
}

export function tooLarge(limit: number): Answer {
  const message = `Request entity too large: limit is ${limit}`;
  return failure(413, "RequestEntityTooLarge", message);
}

export function unsupportedMediaType(): Answer {
  const message =
    "the body of the request was in an unknown format - accepted media types include: " +
    "application/json";
  return failure(415, "UnsupportedMediaType", message);
}

/** The object fails validation; the causes name each field. */
export function invalid(target: Target, causes: readonly Cause[]): Answer {
  const { kind } = target;
  const validated = { ...kind, group: kind.validatedGroup ?? kind.group };
  return invalidAs({ ...target, kind: validated }, kind.kind, causes);
}

export function versionRequired(target: Target): Answer {
  const message = "Invalid value: 0: must be specified for an update";
  const cause = { reason: "FieldValueInvalid", message, field: "metadata.resourceVersion" };
  // The real server names the resource here, not the kind.
  return invalidAs(target, target.kind.resource, [cause]);
}

/** A failure that the real server does not expect either, so that it has no reason. */
export function internalError(message: string): Answer {
  return failure(500, undefined, message);
}

export function versionTooLarge(version: number, current: number): Answer {
  const cause = { reason: "ResourceVersionTooLarge", message: "Too large resource version" };
  const message = `Timeout: Too large resource version: ${version}, current: ${current}`;
  return failure(504, "Timeout", message, { causes: [cause], retryAfterSeconds: 1 });
}

const headers = { "content-type": "application/json", "cache-control": "no-cache, private" };
const statusHead = { kind: "Status", apiVersion: "v1", metadata: {} };

function conflict(target: Target, text: string, noun: string): Answer {
  const title = `${qualified(target.kind, noun)} "${target.name ?? ""}"`;
  const message = `Operation cannot be fulfilled on ${title}: ${text}`;
  return failure(409, "Conflict", message, resourceDetails(target, noun));
}

function invalidAs(target: Target, noun: string, causes: readonly Cause[]): Answer {
  const texts = [...new Set(causes.map((cause) => `${cause.field}: ${cause.message}`))];
  const list = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const title = `${qualified(target.kind, noun)} "${target.name ?? ""}"`;
  const details = { ...resourceDetails(target, noun), causes };
  return failure(422, "Invalid", `${title} is invalid: ${list}`, details);
}

function failure(
  status: number,
  reason: string | undefined,
  message: string,
  details?: JsonObject,
): Answer {
  return json(status, failureBody(status, reason, message, details));
}

function failureBody(
  code: number,
  reason: string | undefined,
  message: string,
  details?: JsonObject,
): JsonObject {
  return { ...statusHead, status: "Failure", message, reason, details, code };
}

function json(status: number, body: JsonObject): Answer {
  return success(status, JSON.stringify(body));
}

function titleOf(target: Target): string {
  const noun = qualified(target.kind, target.kind.resource);
  return target.name === undefined ? noun : `${noun} "${target.name}"`;
}

function qualified(kind: Kind, noun: string): string {
  return kind.group === "" ? noun : `${noun}.${kind.group}`;
}

function resourceDetails(target: Target, noun: string = target.kind.resource): JsonObject {
  const group = target.kind.group === "" ? undefined : target.kind.group;
  return { name: target.name, group, kind: noun === "" ? undefined : noun };
}
