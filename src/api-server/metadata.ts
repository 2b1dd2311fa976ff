/** What every object has: its metadata, which names are right, and what an update may not change. */

import {
  type Cause,
  forbiddenField,
  invalidField,
  misfitOf,
  requiredField,
  tooLongField,
} from "./causes.ts";
import type { Draft, DraftMetadata, StoredMetadata } from "./json.ts";
import type { Struct } from "./shapes.ts";

const string = { shape: { type: "string" } } as const;
const writtenString = { shape: { type: "string" }, zero: "written" } as const;
const keptBoolean = { shape: { type: "boolean" }, zero: "kept" } as const;

const ownerReference: Struct = {
  type: "struct",
  name: "OwnerReference",
  fields: {
    apiVersion: writtenString,
    kind: writtenString,
    name: writtenString,
    uid: writtenString,
    controller: keptBoolean,
    blockOwnerDeletion: keptBoolean,
  },
};

/** Without `selfLink`, which the server clears, and `managedFields`, which this one does not keep. */
export const metadataShape: Struct = {
  type: "struct",
  name: "ObjectMeta",
  fields: {
    name: string,
    generateName: string,
    namespace: string,
    uid: string,
    resourceVersion: string,
    generation: { shape: { type: "int64" } },
    creationTimestamp: { shape: { type: "time" } },
    deletionTimestamp: { shape: { type: "time" } },
    deletionGracePeriodSeconds: { shape: { type: "int64" }, zero: "kept" },
    labels: { shape: { type: "map" } },
    annotations: { shape: { type: "map" } },
    ownerReferences: { shape: { type: "list", of: ownerReference } },
    finalizers: { shape: { type: "list", of: { type: "string" } } },
  },
};

const annotationsLimit = 262_144;

const subdomainPattern = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const labelPattern = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const keyNamePattern = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const labelValuePattern = `(${keyNamePattern})?`;
const subdomain = whole(subdomainPattern);
const label = whole(labelPattern);
const keyName = whole(keyNamePattern);
const labelValue = whole(labelValuePattern);

/** Why a name cannot be a DNS subdomain (RFC 1123). */
export function subdomainMisfit(name: string): string | undefined {
  if (name.length > 253) return "must be no more than 253 characters";
  if (subdomain.test(name)) return undefined;
  return (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or " +
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used " +
    `for validation is '${subdomainPattern}')`
  );
}

/** Why a name cannot be one DNS label (RFC 1123). */
export function labelMisfit(name: string): string | undefined {
  if (name.length > 63) return "must be no more than 63 characters";
  if (label.test(name)) return undefined;
  return (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and " +
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex " +
    `used for validation is '${labelPattern}')`
  );
}

/** Why a text cannot be a qualified name such as `example.com/part`. */
export function qualifiedNameMisfit(text: string): string | undefined {
  const [first = "", second, ...more] = text.split("/");
  if (more.length > 0) return "a qualified name must have at most one '/'";
  if (second !== undefined && first === "") return "prefix part must be non-empty";
  const prefixMisfit = second === undefined ? undefined : subdomainMisfit(first);
  if (prefixMisfit !== undefined) return `prefix part ${prefixMisfit}`;
  const name = second ?? first;
  if (name === "") return "name part must be non-empty";
  if (name.length > 63) return "name part must be no more than 63 characters";
  if (keyName.test(name)) return undefined;
  return (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for " +
    `validation is '${keyNamePattern}')`
  );
}

export function metadataMisfits(draft: Draft): Cause[] {
  const { name, labels = {}, annotations = {} } = draft.metadata;
  return [
    ...nameMisfits(name),
    ...Object.entries(labels).flatMap(([key, value]) => [
      ...misfitOf("metadata.labels", key, qualifiedNameMisfit(key)),
      ...misfitOf("metadata.labels", value, labelValueMisfit(value)),
    ]),
    ...Object.keys(annotations).flatMap((key) =>
      // The keys of annotations may have capitals before the slash, those of labels may not.
      misfitOf("metadata.annotations", key, qualifiedNameMisfit(key.toLowerCase())),
    ),
    ...annotationsSizeMisfits(annotations),
  ];
}

/** What an update tries to change although only a deletion may. */
export function updateMisfits(current: StoredMetadata, wanted: DraftMetadata): Cause[] {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers = [] } = wanted;
  const causes: Cause[] = [];
  if (deletionTimestamp !== undefined && deletionTimestamp !== current.deletionTimestamp) {
    causes.push(
      invalidField("metadata.deletionTimestamp", deletionTimestamp, "field is immutable"),
    );
  }
  if (
    deletionGracePeriodSeconds !== undefined &&
    deletionGracePeriodSeconds !== current.deletionGracePeriodSeconds
  ) {
    const field = "metadata.deletionGracePeriodSeconds";
    causes.push(invalidField(field, deletionGracePeriodSeconds, "field is immutable"));
  }
  const added = finalizers.filter((finalizer) => !current.finalizers?.includes(finalizer));
  if (current.deletionTimestamp !== undefined && added.length > 0) {
    const list = `[]string{${added.map((finalizer) => JSON.stringify(finalizer)).join(", ")}}`;
    const text =
      "no new finalizers can be added if the object is being deleted, found new finalizers";
    causes.push(forbiddenField("metadata.finalizers", `${text} ${list}`));
  }
  return causes;
}

function nameMisfits(name: string | undefined): Cause[] {
  if (name === undefined || name === "") {
    return [requiredField("metadata.name", "name or generateName is required")];
  }
  return misfitOf("metadata.name", name, subdomainMisfit(name));
}

function annotationsSizeMisfits(annotations: Readonly<Record<string, string>>): Cause[] {
  const text = Object.entries(annotations).flat().join("");
  // No character takes more than three bytes, and most annotations are short.
  const isTooLong = text.length > annotationsLimit / 3 && byteLength(text) > annotationsLimit;
  return isTooLong ? [tooLongField("metadata.annotations", annotationsLimit)] : [];
}

function labelValueMisfit(value: string): string | undefined {
  if (value.length > 63) return "must be no more than 63 characters";
  if (labelValue.test(value)) return undefined;
  return (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or " +
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value', " +
    ` or '12345', regex used for validation is '${labelValuePattern}')`
  );
}

function whole(pattern: string): RegExp {
  return new RegExp(`^${pattern}$`);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
