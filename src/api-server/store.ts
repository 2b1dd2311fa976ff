/**
 * The embedded API server without its network: a request goes in, an answer or a stream comes out.
 *
 * It behaves as a real kube-apiserver does, and one suite of tests runs against both; where they
 * differ, this one is wrong. Rules:
 *
 * - Nothing here waits, and nothing reads a clock or chance: wall time comes with each request, and
 *   uids count up from the seed, so that a run repeats exactly.
 * - Streams are fed synchronously, during the request that changes an object.
 * - A bookmark is sent when `bookmark()` is called, and a stream ends when its reader closes it:
 *   whoever has the clock decides when.
 */

import type { Kind } from "./kind.ts";
import { type KindOptions, kindsOf } from "./kinds.ts";
import { Objects, type Snapshot } from "./objects.ts";
import { type Denial, Permissions, type Verb } from "./permissions.ts";
import {
  type Answer,
  badRequest,
  forbidden,
  internalError,
  methodNotAllowed,
  type Target,
  unauthorized,
  unsupportedMediaType,
  versionTooLarge,
} from "./replies.ts";
import {
  type ApiRequest,
  asksToWatch,
  parseVersion,
  readDraft,
  readPreconditions,
  route,
  targetOf,
} from "./requests.ts";
import { review } from "./reviews.ts";
import { selectedName, selectionOf } from "./selection.ts";
import { create, get, type Ground, type ItemTarget, list, remove, update } from "./verbs.ts";
import { openWatch, type Stream } from "./watch.ts";

export interface StoreOptions extends KindOptions {
  /** Those that exist; `default` alone unless told. */
  readonly namespaces?: readonly string[];
  /** Users by bearer token. Without it everybody is let in, token or not. */
  readonly tokens?: Readonly<Record<string, string>>;
  /** Begins every uid: an unsigned 32-bit number. */
  readonly seed?: number;
  /** How many changes are kept for watches that resume. */
  readonly historyLimit?: number;
}

export class ApiStore {
  readonly #kinds: readonly Kind[];
  readonly #permissions: Permissions;
  readonly #objects: Objects;
  readonly #ground: Ground;

  constructor(options: StoreOptions = {}) {
    const { namespaces = ["default"], seed = 0, historyLimit = 1000 } = options;
    this.#kinds = kindsOf(options);
    this.#permissions = new Permissions(options.tokens);
    this.#objects = new Objects(historyLimit);
    let serial = 0;
    this.#ground = {
      objects: this.#objects,
      namespaces: new Set(namespaces),
      nextSerial: () => ++serial,
      uidOf: (number) => uidText(seed, number),
    };
  }

  /** `wallMs` is the server's own wall clock: milliseconds since 1970. */
  handle(request: ApiRequest, wallMs: number): Answer | Stream {
    const user = this.#permissions.userOf(request.token);
    if (user === undefined) return unauthorized();
    const reviewed = review(request, user, this.#permissions);
    if (reviewed !== undefined) return reviewed;
    const routed = route(request.path, this.#kinds);
    if ("refusal" in routed) return routed.refusal;
    const { target, query } = routed;
    const verb = verbOf(request.method, target, query);
    if (verb === undefined) return methodNotAllowed();
    const name = target.name ?? selectedName(query);
    if (this.#permissions.isDenied(user, verb, target.kind.resource)) {
      return forbidden(targetOf(target.kind, target.namespace, name), user, verb);
    }
    if (verb === "list") return this.#list(target, query);
    if (verb === "watch") return this.#watch(target, query);
    if (verb === "get") return this.#get(itemOf(target), query);
    return this.#write(verb, target, query, request, wallMs);
  }

  /** Sends the present version to every watch that asked for bookmarks. */
  bookmark(): void {
    this.#objects.bookmark();
  }

  /** Forgets the history: to resume a watch from any earlier version is answered with 410. */
  compact(): void {
    this.#objects.compact();
  }

  snapshot(): Snapshot {
    return this.#objects.snapshot();
  }

  /** Ends all watches and returns to an old state: the versions since are given a second time. */
  restore(snapshot: Snapshot): void {
    this.#objects.restore(snapshot);
  }

  admit(token: string, user: string): void {
    this.#permissions.admit(token, user);
  }

  revoke(token: string): void {
    this.#permissions.revoke(token);
  }

  /** Returns the way to lift the denial. */
  deny(denial: Denial): () => void {
    return this.#permissions.deny(denial);
  }

  #get(target: ItemTarget, query: URLSearchParams): Answer {
    const version = parseVersion(query.get("resourceVersion"));
    if (typeof version === "string") return internalError(queryMisfit(query, version));
    const { version: current } = this.#objects;
    return version > current ? versionTooLarge(version, current) : get(this.#ground, target);
  }

  #list(target: Target, query: URLSearchParams): Answer {
    const version = parseVersion(query.get("resourceVersion"));
    if (typeof version === "string") {
      return badRequest(`invalid resource version: ${queryMisfit(query, version)}`);
    }
    const selected = selectionOf(target, query);
    if ("refusal" in selected) return selected.refusal;
    const { version: current } = this.#objects;
    if (version > current) return versionTooLarge(version, current);
    return list(this.#ground, target, selected.selection);
  }

  #watch(target: Target, query: URLSearchParams): Answer | Stream {
    const seconds = query.get("timeoutSeconds") ?? "0";
    if (!/^-?\d+$/.test(seconds)) {
      return badRequest(`strconv.ParseInt: parsing ${JSON.stringify(seconds)}: invalid syntax`);
    }
    const selected = selectionOf(target, query);
    if ("refusal" in selected) return selected.refusal;
    const from = parseVersion(query.get("resourceVersion"));
    if (typeof from === "string") return internalError(queryMisfit(query, from));
    return openWatch(this.#objects, target, {
      selection: selected.selection,
      from,
      wantsBookmarks: query.get("allowWatchBookmarks") === "true",
      ...(Number(seconds) > 0 ? { timeoutMs: Number(seconds) * 1000 } : {}),
    });
  }

  #write(
    verb: "create" | "update" | "delete",
    target: Target,
    query: URLSearchParams,
    request: ApiRequest,
    wallMs: number,
  ): Answer {
    // Better refused than carried out in earnest.
    if (query.has("dryRun")) return badRequest("dryRun is not served here");
    const { body, contentType = "application/json" } = request;
    if (!/^application\/json\s*(;|$)/i.test(contentType)) return unsupportedMediaType();
    if (verb === "delete") {
      const options = readPreconditions(body);
      if ("refusal" in options) return options.refusal;
      return remove(this.#ground, itemOf(target), options.value, wallMs);
    }
    const draft = readDraft(target, body ?? "");
    if ("refusal" in draft) return draft.refusal;
    return verb === "create"
      ? create(this.#ground, target, draft.value, wallMs)
      : update(this.#ground, itemOf(target), draft.value, wallMs);
  }
}

function verbOf(method: string, target: Target, query: URLSearchParams): Verb | undefined {
  const { namespace, name } = target;
  if (name === undefined) {
    if (method === "GET") return asksToWatch(query) ? "watch" : "list";
    return method === "POST" && namespace !== undefined ? "create" : undefined;
  }
  switch (method) {
    case "GET":
      return "get";
    case "PUT":
      return "update";
    case "DELETE":
      return "delete";
    default:
      return undefined;
  }
}

/** A target whose verb is only given to paths with a namespace and a name. */
function itemOf(target: Target): ItemTarget {
  return { ...target, namespace: target.namespace ?? "", name: target.name ?? "" };
}

function queryMisfit(query: URLSearchParams, misfit: string): string {
  const value = JSON.stringify(query.get("resourceVersion"));
  return `resourceVersion: Invalid value: ${value}: ${misfit}`;
}

function uidText(seed: number, serial: number): string {
  const head = (seed >>> 0).toString(16).padStart(8, "0");
  return `${head}-0000-4000-8000-${serial.toString(16).padStart(12, "0")}`;
}
