/** What the tests of conformance share: a server, whichever it is, and a namespace of their own. */

import assert from "node:assert/strict";
import {
  type ApiAccess,
  type ApiAnswer,
  type ApiEvent,
  type ApiObject,
  type ApiWatch,
  callApi,
  watchApi,
} from "../support/api-client.ts";

/** A server to be tested, and what only whoever started it can do. */
export interface OpenServer {
  /** As somebody who may do everything. */
  readonly access: ApiAccess;
  /** Exists and belongs to the test alone. */
  readonly namespace: string;
  /** As somebody who may do nothing. */
  readonly stranger?: { readonly access: ApiAccess; readonly user: string };
  /** Makes the server forget the history that it keeps for watches. */
  forget?(): Promise<void>;
  close(): Promise<void>;
}

export type ObjectInput = Readonly<Record<string, unknown>>;

export class Room {
  readonly server: OpenServer;
  #count = 0;

  constructor(server: OpenServer) {
    this.server = server;
  }

  get leases(): string {
    return leasesPath(this.server.namespace);
  }

  get endpoints(): string {
    return `/api/v1/namespaces/${this.server.namespace}/endpoints`;
  }

  get endpointSlices(): string {
    return `/apis/discovery.k8s.io/v1/namespaces/${this.server.namespace}/endpointslices`;
  }

  get services(): string {
    return `/api/v1/namespaces/${this.server.namespace}/services`;
  }

  /** A name that no other test uses. */
  name(): string {
    return `object-${++this.#count}`;
  }

  call(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    return callApi(this.server.access, method, path, body);
  }

  /** Creates a Lease and returns it. */
  async lease(spec: ObjectInput = {}, metadata: ObjectInput = {}): Promise<ApiObject> {
    const answer = await this.call("POST", this.leases, lease(this.name(), spec, metadata));
    assert.equal(answer.status, 201, answer.text);
    return answer.body;
  }

  /** Replaces a Lease's spec, and succeeds. */
  async put(object: ApiObject, spec: ObjectInput): Promise<ApiObject> {
    const answer = await this.call("PUT", this.pathOf(object), { ...object, spec });
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  }

  async remove(object: ApiObject): Promise<void> {
    const answer = await this.call("DELETE", this.pathOf(object));
    assert.equal(answer.status, 200, answer.text);
  }

  pathOf(object: ApiObject): string {
    return `${this.leases}/${nameOf(object)}`;
  }

  /** Watches the Lease of that name alone. */
  watch(name: string, query = ""): ApiWatch {
    const selector = `watch=true&fieldSelector=metadata.name%3D${name}`;
    return watchApi(this.server.access, `${this.leases}?${selector}${query}`);
  }
}

export function leasesPath(namespace: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
}

export function lease(
  name: string | undefined,
  spec?: ObjectInput,
  metadata: ObjectInput = {},
): ObjectInput {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, ...metadata },
    spec,
  };
}

export function endpoints(
  name: string,
  subsets?: readonly unknown[],
  metadata: ObjectInput = {},
): ObjectInput {
  return { apiVersion: "v1", kind: "Endpoints", metadata: { name, ...metadata }, subsets };
}

export function endpointSlice(
  name: string,
  content: ObjectInput,
  metadata: ObjectInput = {},
): ObjectInput {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, ...metadata },
    ...content,
  };
}

export function nameOf(object: ApiObject): string {
  return object.metadata?.name ?? "";
}

export function versionOf(object: ApiObject): string {
  return object.metadata?.resourceVersion ?? "";
}

/** Takes so many events and no more; the watch stays open. */
export async function take(watch: ApiWatch, count: number): Promise<readonly ApiEvent[]> {
  const events: ApiEvent[] = [];
  while (events.length < count) {
    const next = await watch.events.next();
    if (next.done === true) break;
    events.push(next.value);
  }
  return events;
}

/** Type, holder and version of each event: what a client decides by. */
export function summary(events: readonly ApiEvent[]): readonly (readonly unknown[])[] {
  return events.map(({ type, object }) => [
    type,
    object.spec?.["holderIdentity"],
    versionOf(object),
  ]);
}

export function assertFailure(
  answer: ApiAnswer,
  status: number,
  reason: string | undefined,
  message: string | RegExp,
): void {
  const { kind, apiVersion, code } = answer.body;
  assert.deepEqual(
    { kind, apiVersion, status: answer.body.status, code, reason: answer.body.reason },
    { kind: "Status", apiVersion: "v1", status: "Failure", code: status, reason },
    answer.text,
  );
  assert.equal(answer.status, status);
  assert.equal(answer.headers["content-type"], "application/json");
  if (typeof message === "string") assert.equal(answer.body.message, message);
  else assert.match(answer.body.message ?? "", message);
}

/** The fields that a 422 names. */
export function causesOf(answer: ApiAnswer): readonly { readonly field: string }[] {
  const { causes = [] } = answer.body.details ?? {};
  return causes as readonly { readonly field: string }[];
}
