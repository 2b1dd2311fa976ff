/** Why a field of an object is refused: the causes that a Status of reason `Invalid` lists. */

import type { Json, JsonObject } from "./json.ts";

/** One field that fails validation. */
export interface Cause extends JsonObject {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

export function invalidField(field: string, value: Json, text: string): Cause {
  const message = `Invalid value: ${JSON.stringify(value)}: ${text}`;
  return { reason: "FieldValueInvalid", message, field };
}

/** The cause that a check's text makes, if the check had anything to say. */
export function misfitOf(field: string, value: string, text: string | undefined): Cause[] {
  return text === undefined ? [] : [invalidField(field, value, text)];
}

export function requiredField(field: string, text?: string): Cause {
  const message = text === undefined ? "Required value" : `Required value: ${text}`;
  return { reason: "FieldValueRequired", message, field };
}

export function duplicateField(field: string, value: string): Cause {
  const message = `Duplicate value: ${JSON.stringify(value)}`;
  return { reason: "FieldValueDuplicate", message, field };
}

export function unsupportedField(field: string, value: string, known: readonly string[]): Cause {
  const values = known.map((item) => JSON.stringify(item)).join(", ");
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${values}`;
  return { reason: "FieldValueNotSupported", message, field };
}

export function forbiddenField(field: string, text: string): Cause {
  return { reason: "FieldValueForbidden", message: `Forbidden: ${text}`, field };
}

export function tooLongField(field: string, limit: number): Cause {
  const message = `Too long: may not be more than ${limit} bytes`;
  return { reason: "FieldValueTooLong", message, field };
}
