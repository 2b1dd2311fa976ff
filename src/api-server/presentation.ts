/** An object as a client sees it: with its kind, as text. */
import type { StoredObject } from "./json.ts";
import { apiVersionOf, type Kind } from "./kind.ts";

/** Objects are never changed, and an update is told to its writer and to every watch. */
const texts = new WeakMap<StoredObject, string>();

export function presented(kind: Kind, object: StoredObject): string {
  const known = texts.get(object);
  if (known !== undefined) return known;
  const text = JSON.stringify({ kind: kind.kind, apiVersion: apiVersionOf(kind), ...object });
  texts.set(object, text);
  return text;
}
