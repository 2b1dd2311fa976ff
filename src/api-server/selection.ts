/** Which objects a list or a watch is about: one namespace or all, a field selector, labels. */

import type { StoredObject } from "./json.ts";
import { type Answer, badRequest, type Target } from "./replies.ts";

export type Selection = (object: StoredObject) => boolean;

export type SelectionResult = { readonly selection: Selection } | { readonly refusal: Answer };

interface Term {
  readonly key: string;
  readonly isEqual: boolean;
  readonly value: string;
}

/** Only equality is served for labels, not `in`, `notin` and existence. */
export function selectionOf(target: Target, query: URLSearchParams): SelectionResult {
  const fields = termsOf(query.get("fieldSelector") ?? "");
  if (typeof fields === "string") return { refusal: badRequest(fields) };
  const unknown = fields.find(({ key }) => !fieldNames.includes(key));
  if (unknown !== undefined) {
    const known = fieldNames.map((name) => `"${name}"`).join(", ");
    return { refusal: badRequest(`"${unknown.key}" is not a known field selector: only ${known}`) };
  }
  const labels = termsOf(query.get("labelSelector") ?? "");
  if (typeof labels === "string") return { refusal: badRequest(labels) };

  const { namespace } = target;
  const selection: Selection = ({ metadata }) =>
    (namespace === undefined || metadata.namespace === namespace) &&
    fields.every((term) => holds(term, fieldOf(metadata, term.key))) &&
    labels.every((term) => holds(term, metadata.labels?.[term.key]));
  return { selection };
}

/** The one name that a field selector asks for; permissions are checked against it. */
export function selectedName(query: URLSearchParams): string | undefined {
  const terms = termsOf(query.get("fieldSelector") ?? "");
  if (typeof terms === "string") return undefined;
  return terms.find(({ key, isEqual }) => key === "metadata.name" && isEqual)?.value;
}

const fieldNames = ["metadata.name", "metadata.namespace"];

function fieldOf(metadata: StoredObject["metadata"], key: string): string {
  return key === "metadata.name" ? metadata.name : metadata.namespace;
}

function holds(term: Term, value: string | undefined): boolean {
  return (value === term.value) === term.isEqual;
}

/** The terms of a selector, or why it is none. */
function termsOf(selector: string): readonly Term[] | string {
  const terms: Term[] = [];
  for (const text of selector.split(",").filter((part) => part !== "")) {
    const match = /^\s*([^=!\s]+)\s*(==|=|!=)\s*(.*?)\s*$/.exec(text);
    if (match === null) return `invalid selector: '${selector}'; can't understand '${text}'`;
    const [, key = "", operator, value = ""] = match;
    terms.push({ key, isEqual: operator !== "!=", value });
  }
  return terms;
}
