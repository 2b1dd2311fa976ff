/** What a request says: its place among the resources, and its body as a draft of an object. */

import type { Draft, Json, JsonObject } from "./json.ts";
import { isJsonObject } from "./json.ts";
import { apiVersionOf, type Kind } from "./kind.ts";
import { badRequest, type Answer, pageNotFound, resourceNotFound, type Target } from "./replies.ts";
import { decode, type Struct } from "./shapes.ts";

/** A request, whatever it came by. */
export interface ApiRequest {
  readonly method: string;
  /** Path and query, such as `/api/v1/namespaces/default/endpoints?watch=true`. */
  readonly path: string;
  /** The bearer token. */
  readonly token?: string;
  /** Without it a body counts as JSON. */
  readonly contentType?: string;
  readonly body?: string;
}

export type Routed =
  | { readonly target: Target; readonly query: URLSearchParams }
  | { readonly refusal: Answer };

export type Read<T> = { readonly value: T } | { readonly refusal: Answer };

/** Finds what a path is about. */
export function route(path: string, kinds: readonly Kind[]): Routed {
  const [place = "", ...queries] = path.split("?");
  const query = new URLSearchParams(queries.join("?"));
  const words = decodedWords(place);
  if (words === undefined) return { refusal: badRequest(`invalid path "${place}"`) };

  const [root, ...rest] = words;
  const [group, version, ...below] = root === "api" ? ["", ...rest] : rest;
  const served = kinds.filter((kind) => kind.group === group && kind.version === version);
  if ((root !== "api" && root !== "apis") || served.length === 0) {
    return { refusal: pageNotFound() };
  }
  const isNamespaced = below[0] === "namespaces" && below.length > 2;
  const [resource, name, ...beyond] = isNamespaced ? below.slice(2) : below;
  const kind = served.find((candidate) => candidate.resource === resource);
  const isItemOfAll = !isNamespaced && name !== undefined;
  if (kind === undefined || isItemOfAll || beyond.length > 0) {
    return { refusal: resourceNotFound() };
  }
  const namespace = isNamespaced ? below[1] : undefined;
  return { query, target: targetOf(kind, namespace, name) };
}

export function targetOf(
  kind: Kind,
  namespace: string | undefined,
  name: string | undefined,
): Target {
  return {
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
  };
}

/** Whether `watch` in a query means yes; the real server takes nearly everything for a yes. */
export function asksToWatch(query: URLSearchParams): boolean {
  const value = query.get("watch")?.toLowerCase();
  return value !== undefined && value !== "0" && value !== "false";
}

/** A version in a query or an object: 0 where there is none, a text where it is no number. */
export function parseVersion(text: string | null | undefined): number | string {
  if (text === null || text === undefined || text === "") return 0;
  if (/^\d+$/.test(text)) return Number(text);
  return `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;
}

/** Reads the body of a create or an update. */
export function readDraft(target: Target, body: string): Read<Draft> {
  const { kind } = target;
  const parsed = parseBody(body);
  if ("misfit" in parsed) {
    const what = `the object provided is unrecognized (must be of type ${kind.kind})`;
    const text = `${what}: couldn't get version/kind; json parse error: ${parsed.misfit}`;
    return { refusal: badRequest(text) };
  }
  const misnamed = kindMisfit(parsed.value, kind);
  if (misnamed !== undefined) return { refusal: misnamed };
  const decoded = decode(kind.shape, parsed.value);
  if ("misfit" in decoded) {
    return { refusal: unfit(kind.kind, kind.version, kind, decoded.misfit) };
  }
  // The shape of every kind has a metadata that is always written.
  const draft = decoded.value as Draft;
  const { namespace } = draft.metadata;
  if (namespace !== undefined && namespace !== target.namespace) {
    const text =
      "the namespace of the provided object does not match the namespace sent on the request";
    return { refusal: badRequest(text) };
  }
  return { value: draft };
}

/** What must hold of an object for it to be deleted. */
export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export function readPreconditions(body: string | undefined): Read<Preconditions> {
  if (body === undefined || body === "") return { value: {} };
  const parsed = parseBody(body);
  if ("misfit" in parsed) {
    const text = `couldn't get version/kind; json parse error: ${parsed.misfit}`;
    return { refusal: badRequest(text) };
  }
  const decoded = decode(deleteOptions, parsed.value);
  if ("misfit" in decoded) return { refusal: badRequest(decoded.misfit) };
  const { preconditions } = decoded.value;
  return { value: isJsonObject(preconditions) ? preconditions : {} };
}

const deleteOptions: Struct = {
  type: "struct",
  name: "DeleteOptions",
  fields: {
    preconditions: {
      shape: {
        type: "struct",
        name: "Preconditions",
        fields: {
          uid: { shape: { type: "string" }, zero: "kept" },
          resourceVersion: { shape: { type: "string" }, zero: "kept" },
        },
      },
    },
  },
};

function decodedWords(place: string): readonly string[] | undefined {
  const words = place.split("/").filter((word) => word !== "");
  if (!place.includes("%")) return words;
  try {
    return words.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function parseBody(body: string): { readonly value: JsonObject } | { readonly misfit: string } {
  let value: Json;
  try {
    value = JSON.parse(body) as Json;
  } catch (error) {
    return { misfit: error instanceof Error ? error.message : String(error) };
  }
  // Go reads `null` into a struct as an empty one.
  if (value === null) return { value: {} };
  return isJsonObject(value) ? { value } : { misfit: `cannot unmarshal ${typeof value}` };
}

/** An object may leave out its kind and apiVersion, but not name others. */
function kindMisfit(object: JsonObject, kind: Kind): Answer | undefined {
  const { apiVersion = apiVersionOf(kind), kind: name = kind.kind } = object;
  if (typeof apiVersion !== "string" || typeof name !== "string") {
    return badRequest("couldn't get version/kind; json parse error: cannot unmarshal into string");
  }
  if (apiVersion === apiVersionOf(kind) && name === kind.kind) return undefined;
  const version = apiVersion.split("/").at(-1) ?? "";
  const text = `no kind "${name}" is registered for version "${apiVersion}"`;
  return unfit(name, version, kind, text);
}

function unfit(name: string, version: string, kind: Kind, text: string): Answer {
  const what = `${name} in version "${version}" cannot be handled as a ${kind.kind}`;
  return badRequest(`${what}: ${text}`);
}
