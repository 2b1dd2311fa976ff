/**
 * What each verb does to the objects, in the order of checks of the real server's generic registry
 * (`registry/generic/registry/store.go`, `registry/rest`): which of two faults a client hears of
 * depends on that order.
 */

import {
  type Draft,
  type DraftMetadata,
  isSame,
  type StoredMetadata,
  type StoredObject,
} from "./json.ts";
import { apiVersionOf } from "./kind.ts";
import { metadataMisfits, updateMisfits } from "./metadata.ts";
import type { Objects } from "./objects.ts";
import { presented } from "./presentation.ts";
import {
  alreadyExists,
  type Answer,
  badRequest,
  deleted,
  failedPrecondition,
  internalError,
  invalid,
  modified,
  namespaceNotFound,
  notFound,
  otherUid,
  success,
  type Target,
  versionRequired,
} from "./replies.ts";
import { parseVersion, type Preconditions, targetOf } from "./requests.ts";
import type { Selection } from "./selection.ts";
import { timeText } from "./times.ts";

/** What a write needs to know beside its request. */
export interface Ground {
  readonly objects: Objects;
  /** A new object is only let into a namespace that exists. */
  readonly namespaces: ReadonlySet<string>;
  /** A number that was not given before. */
  nextSerial(): number;
  uidOf(serial: number): string;
}

/** The target of a request for one object. */
export interface ItemTarget extends Target {
  readonly namespace: string;
  readonly name: string;
}

export function get(ground: Ground, target: ItemTarget): Answer {
  const found = ground.objects.get(target);
  return found === undefined ? notFound(target) : success(200, presented(target.kind, found));
}

export function list(ground: Ground, target: Target, selection: Selection): Answer {
  const { kind } = target;
  const found = {
    kind: `${kind.kind}List`,
    apiVersion: apiVersionOf(kind),
    metadata: { resourceVersion: String(ground.objects.version) },
    // The items of a list carry neither kind nor apiVersion.
    items: ground.objects.list(kind).filter(selection),
  };
  return success(200, JSON.stringify(found));
}

export function create(ground: Ground, target: Target, draft: Draft, wallMs: number): Answer {
  const version = parseVersion(draft.metadata.resourceVersion);
  const { namespace = "" } = target;
  if (!ground.namespaces.has(namespace)) return namespaceNotFound(namespace);
  const made = newObject(ground, { ...target, namespace }, draft, wallMs);
  const item = { ...target, namespace, name: made.metadata.name };
  const causes = [...metadataMisfits(made), ...target.kind.misfits(made)];
  if (causes.length > 0)
    return invalid(targetOf(target.kind, namespace, draft.metadata.name), causes);
  if (typeof version === "string") return internalError(version);
  if (version !== 0) {
    return internalError("resourceVersion should not be set on objects to be created");
  }
  const current = ground.objects.get(item);
  if (current !== undefined) {
    return alreadyExists(item, current.metadata.deletionTimestamp !== undefined);
  }
  return success(201, presented(item.kind, ground.objects.write(target.kind, made)));
}

/** Replaces an object, or creates it: on that path the resourceVersion is not compared at all. */
export function update(ground: Ground, target: ItemTarget, draft: Draft, wallMs: number): Answer {
  const misnamed = nameMisfit(target, draft.metadata);
  if (misnamed !== undefined) return badRequest(misnamed);
  const current = ground.objects.get(target);
  const { uid, resourceVersion } = draft.metadata;
  if (uid !== undefined && uid !== current?.metadata.uid) {
    return otherUid(target, uid, current?.metadata.uid ?? "");
  }
  const version = parseVersion(resourceVersion);
  if (current === undefined) {
    if (!ground.namespaces.has(target.namespace)) return namespaceNotFound(target.namespace);
    if (typeof version === "string") return internalError(version);
    const metadata = { ...draft.metadata, resourceVersion: undefined };
    return create(ground, target, { ...draft, metadata }, wallMs);
  }
  if (typeof version === "string") return internalError(version);
  if (version === 0) {
    if (!target.kind.allowUnconditionalUpdate) return versionRequired(target);
  } else if (String(version) !== current.metadata.resourceVersion) {
    return modified(target);
  }
  return replace(ground, target, current, draft);
}

/** Removes an object, or marks it as being deleted while it has finalizers. */
export function remove(
  ground: Ground,
  target: ItemTarget,
  wanted: Preconditions,
  wallMs: number,
): Answer {
  const current = ground.objects.get(target);
  if (current === undefined) return notFound(target);
  const { metadata } = current;
  const failed = preconditionMisfit(wanted, metadata);
  if (failed !== undefined) return failedPrecondition(target, failed);

  if (metadata.finalizers === undefined) {
    ground.objects.remove(target);
    return deleted(target, metadata.uid);
  }
  if (metadata.deletionTimestamp !== undefined)
    return success(200, presented(target.kind, current));
  const marked = {
    ...current,
    metadata: orderedMetadata({
      ...metadata,
      deletionTimestamp: wallText(wallMs),
      deletionGracePeriodSeconds: 0,
    }),
  };
  return success(200, presented(target.kind, ground.objects.write(target.kind, marked)));
}

function replace(ground: Ground, target: ItemTarget, current: StoredObject, draft: Draft): Answer {
  const causes = [
    ...updateMisfits(current.metadata, draft.metadata),
    ...metadataMisfits(draft),
    ...target.kind.misfits(draft, current),
  ];
  if (causes.length > 0) return invalid(target, causes);
  const { uid, resourceVersion, creationTimestamp, namespace, generation = 0 } = current.metadata;
  const { deletionTimestamp, deletionGracePeriodSeconds } = current.metadata;
  const next: StoredObject = {
    ...draft,
    metadata: orderedMetadata({
      ...draft.metadata,
      name: target.name,
      namespace,
      uid,
      resourceVersion,
      ...(target.kind.hasGeneration && {
        generation: isAnother(draft, current) ? generation + 1 : generation,
      }),
      creationTimestamp,
      deletionTimestamp,
      deletionGracePeriodSeconds,
    }),
  };
  // An update that changes nothing makes no version and no event.
  if (isSame(next, current)) return success(200, presented(target.kind, current));
  if (deletionTimestamp !== undefined && next.metadata.finalizers === undefined) {
    ground.objects.remove(target);
    return success(200, presented(target.kind, next));
  }
  return success(200, presented(target.kind, ground.objects.write(target.kind, next)));
}

/** Annotations alone are no new generation. */
function isAnother(draft: Draft, current: StoredObject): boolean {
  const { metadata, ...rest } = draft;
  const { metadata: before, ...restBefore } = current;
  return !isSame(rest, restBefore) || !isSame(metadata.labels, before.labels);
}

function newObject(
  ground: Ground,
  { kind, namespace }: Target & { readonly namespace: string },
  draft: Draft,
  wallMs: number,
): StoredObject {
  const serial = ground.nextSerial();
  const { name = "", generateName } = draft.metadata;
  return {
    ...draft,
    metadata: orderedMetadata({
      ...draft.metadata,
      name: name === "" && generateName !== undefined ? generateName + suffixOf(serial) : name,
      namespace,
      uid: ground.uidOf(serial),
      resourceVersion: "",
      ...(kind.hasGeneration && { generation: 1 }),
      creationTimestamp: wallText(wallMs),
      deletionTimestamp: undefined,
      deletionGracePeriodSeconds: undefined,
    }),
  };
}

/** The fields in the order in which the real server writes them. */
function orderedMetadata(metadata: StoredMetadata): StoredMetadata {
  const { name, generateName, namespace, uid, resourceVersion, generation, ...rest } = metadata;
  const { creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, ...last } = rest;
  return {
    name,
    generateName,
    namespace,
    uid,
    resourceVersion,
    generation,
    creationTimestamp,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    ...last,
  };
}

function nameMisfit(target: ItemTarget, metadata: DraftMetadata): string | undefined {
  const { name } = metadata;
  if (name === undefined) {
    const what = `the name of the object (${target.name} based on URL)`;
    return `${what} was undeterminable: name must be provided`;
  }
  if (name === target.name) return undefined;
  return `the name of the object (${name}) does not match the name on the URL (${target.name})`;
}

function preconditionMisfit(wanted: Preconditions, metadata: StoredMetadata): string | undefined {
  const { uid, resourceVersion } = wanted;
  if (uid !== undefined && uid !== metadata.uid) {
    const text = `the UID in the precondition (${uid}) does not match the UID in record`;
    return `${text} (${metadata.uid}). The object might have been deleted and then recreated`;
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const text = `the ResourceVersion in the precondition (${resourceVersion}) does not match the`;
    const found = `ResourceVersion in record (${metadata.resourceVersion})`;
    return `${text} ${found}. The object might have been modified`;
  }
  return undefined;
}

/** Five letters, as the real server appends them to a `generateName`. */
function suffixOf(serial: number): string {
  return serial.toString(16).padStart(5, "0").slice(-5);
}

function wallText(wallMs: number): string {
  return timeText(Math.floor(wallMs / 1000)) ?? "";
}
