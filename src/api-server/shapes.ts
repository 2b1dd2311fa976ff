/**
 * Shapes say which fields an object has, and decoding makes a client's JSON fit one as Go's decoder
 * does: unknown fields are dropped, `null` and most zero values count as absent, fields come out in
 * the order of the shape, and a value of the wrong type is refused with Go's words.
 */

import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { rewritten } from "./times.ts";

export type Shape = Scalar | List | Struct | { readonly type: "map" };

interface Scalar {
  readonly type: "string" | "boolean" | "int32" | "int64" | "time" | "microTime";
}

interface List {
  readonly type: "list";
  readonly of: Shape;
}

export interface Struct {
  readonly type: "struct";
  /** The name of the Go type, which messages to the client mention. */
  readonly name: string;
  readonly fields: Readonly<Record<string, Field>>;
}

export interface Field {
  readonly shape: Shape;
  /**
   * Go's pointers keep a zero value that was given, and fields without `omitempty` are written even
   * when it was not. Without either, a zero value counts as absent.
   */
  readonly zero?: "kept" | "written";
  /** Stands in for an absent or empty string. */
  readonly fallback?: string;
}

export type Decoded = { readonly value: JsonObject } | { readonly misfit: string };

/** Where a value stands: the innermost Go type, and the fields from there up to the root. */
interface Place {
  readonly struct: string;
  readonly field?: string;
  readonly above?: Place;
}

export function decode(shape: Struct, value: Json): Decoded {
  const misfits: string[] = [];
  const decoded = structOf(shape, value, { struct: shape.name }, misfits);
  const [misfit] = misfits;
  return misfit === undefined ? { value: decoded as JsonObject } : { misfit };
}

function valueOf(shape: Shape, value: Json, place: Place, misfits: string[]): Json | undefined {
  if (value === null) return undefined;
  switch (shape.type) {
    case "struct":
      return structOf(shape, value, place, misfits);
    case "list":
      return listOf(shape, value, place, misfits);
    case "map":
      return mapOf(value, place, misfits);
    case "string":
      return typeof value === "string" ? value : misfit(shape, value, place, misfits);
    case "boolean":
      return typeof value === "boolean" ? value : misfit(shape, value, place, misfits);
    case "int32":
    case "int64":
      return isInteger(shape.type, value) ? value : misfit(shape, value, place, misfits);
    case "time":
    case "microTime":
      return typeof value === "string"
        ? timeOf(shape.type, value, misfits)
        : misfit(shape, value, place, misfits);
  }
}

function structOf(shape: Struct, value: Json, place: Place, misfits: string[]): Json | undefined {
  const given = value === null ? {} : value;
  if (!isJsonObject(given)) return misfit(shape, value, place, misfits);
  const result: Record<string, Json> = {};
  for (const [name, field] of Object.entries(shape.fields)) {
    const inner = { struct: shape.name, field: name, above: place };
    // hasOwn, so that a field called "constructor" is not found on every object.
    const raw = Object.hasOwn(given, name) ? (given[name] ?? null) : null;
    const decoded = valueOf(field.shape, raw, inner, misfits);
    // An empty list is none: it does not survive the storage of the real server.
    const kept = field.zero !== "kept" && isZero(field.shape, decoded) ? field.fallback : decoded;
    if (kept !== undefined) result[name] = kept;
    else if (field.zero === "written") result[name] = zeroOf(field.shape, inner, misfits);
  }
  return result;
}

function listOf(shape: List, value: Json, place: Place, misfits: string[]): Json | undefined {
  if (!Array.isArray(value)) return misfit(shape, value, place, misfits);
  // A null among the items is Go's zero value of the item.
  return (value as readonly Json[]).map(
    (item) => valueOf(shape.of, item, place, misfits) ?? zeroOf(shape.of, place, misfits),
  );
}

function mapOf(value: Json, place: Place, misfits: string[]): Json | undefined {
  if (!isJsonObject(value)) return misfit({ type: "map" }, value, place, misfits);
  const entries = Object.entries(value).map(([name, item]): [string, Json] => {
    const text = valueOf({ type: "string" }, item ?? null, place, misfits);
    return [name, text ?? ""];
  });
  // Go writes the keys of a map in order.
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function timeOf(type: "time" | "microTime", text: string, misfits: string[]): Json | undefined {
  const time = rewritten(type, text);
  if ("text" in time) return time.text;
  misfits.push(time.misfit);
  return undefined;
}

function isInteger(type: "int32" | "int64", value: Json): value is number {
  // `| 0` is JavaScript's own conversion to 32 bits.
  return Number.isSafeInteger(value) && (type === "int64" || value === (Number(value) | 0));
}

function isZero(shape: Shape, value: Json | undefined): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isJsonObject(value)) return shape.type === "map" && Object.keys(value).length === 0;
  return value === undefined || value === null || value === "" || value === 0 || value === false;
}

function zeroOf(shape: Shape, place: Place, misfits: string[]): Json {
  switch (shape.type) {
    case "struct":
      return structOf(shape, {}, place, misfits) ?? {};
    case "list":
    case "map":
    case "time":
    case "microTime":
      return null;
    case "string":
      return "";
    case "boolean":
      return false;
    case "int32":
    case "int64":
      return 0;
  }
}

function misfit(shape: Shape, value: Json, place: Place, misfits: string[]): undefined {
  const path = pathOf(place);
  const where = path === "" ? "value" : `struct field ${place.struct}.${path}`;
  misfits.push(
    `json: cannot unmarshal ${found(shape, value)} into Go ${where} of type ${goType(shape)}`,
  );
}

function pathOf({ field, above }: Place): string {
  const before = above === undefined ? "" : pathOf(above);
  if (field === undefined) return before;
  return before === "" ? field : `${before}.${field}`;
}

function found(shape: Shape, value: Json): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  const isNumeric = shape.type === "int32" || shape.type === "int64";
  return typeof value === "number" && isNumeric ? `number ${value}` : typeof value;
}

function goType(shape: Shape): string {
  switch (shape.type) {
    case "struct":
      return `v1.${shape.name}`;
    case "list":
      return `[]${goType(shape.of)}`;
    case "map":
      return "map[string]string";
    case "boolean":
      return "bool";
    case "string":
    case "time":
    case "microTime":
      return "string";
    case "int32":
    case "int64":
      return shape.type;
  }
}
