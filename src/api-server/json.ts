/** What JSON can say, and the two Kubernetes objects that are known before their kind is. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A field that is `undefined` is absent from the text. */
export interface JsonObject {
  readonly [field: string]: Json | undefined;
}

/** An object as a client sends it, decoded by the shape of its kind: nothing is certain yet. */
export interface Draft extends JsonObject {
  readonly metadata: DraftMetadata;
}

export interface DraftMetadata extends JsonObject {
  readonly name?: string | undefined;
  readonly generateName?: string | undefined;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly generation?: number | undefined;
  readonly deletionTimestamp?: string | undefined;
  readonly deletionGracePeriodSeconds?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly finalizers?: readonly string[] | undefined;
}

/** An object as the server holds it; never changed, only replaced. */
export interface StoredObject extends Draft {
  readonly metadata: StoredMetadata;
}

export interface StoredMetadata extends DraftMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
}

/** Whether two values say the same; an `undefined` field says as much as an absent one. */
export function isSame(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  return (
    Object.keys(a).every((key) => isSame(a[key], b[key])) &&
    Object.keys(b).every((key) => b[key] === undefined || a[key] !== undefined)
  );
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
