/**
 * A kind of objects: where it is found, the shape of its fields, what is valid beyond the shape,
 * and how its updates work.
 */

import type { Cause } from "./causes.ts";
import type { Draft } from "./json.ts";
import { metadataShape } from "./metadata.ts";
import type { Field, Struct } from "./shapes.ts";

export interface Kind {
  /** Empty for the core group. */
  readonly group: string;
  /** The group that a refusal of its fields names, where it is another. */
  readonly validatedGroup?: string;
  readonly version: string;
  /** The plural in the path. */
  readonly resource: string;
  readonly kind: string;
  /** Where the real server keeps such objects in etcd; some messages show it. */
  readonly storagePath: string;
  /** Whether an update may leave out the resourceVersion and then overwrites whatever there is. */
  readonly allowUnconditionalUpdate: boolean;
  /** Whether `metadata.generation` counts the changes of all but the annotations. */
  readonly hasGeneration?: true;
  readonly shape: Struct;
  /** What is wrong beyond the shape and the metadata; `before` is what an update replaces. */
  misfits(draft: Draft, before?: Draft): Cause[];
}

/** The `apiVersion` of a kind's objects. */
export function apiVersionOf(kind: Kind): string {
  return kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
}

/** The shape of a whole object: its metadata and the fields of its kind. */
export function objectShape(name: string, fields: Readonly<Record<string, Field>>): Struct {
  const metadata: Field = { shape: metadataShape, zero: "written" };
  return { type: "struct", name, fields: { metadata, ...fields } };
}
