/**
 * The embedded API server for real processes: over TLS, with a token for every replica, and with a
 * record of what was asked and what was true at that moment.
 */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { uptime } from "node:os";
import type { TestContext } from "node:test";
import type { ApiRequest } from "../../src/api-server/requests.ts";
import { type ServedApi, serveApi } from "../../src/api-server/serve.ts";
import { ApiStore } from "../../src/api-server/store.ts";
import { clusterEnvironment, mountServiceAccount } from "../cluster/pod-files.ts";
import type { ApiObject } from "../support/api-client.ts";
import { makeCertificates } from "../support/certificates.ts";
import { until } from "../support/processes.ts";
import { type Bin, type BinOptions, startBin } from "./bin.ts";
import { treeUnder } from "./observer.ts";

/** One request, at the moment it came. */
export interface Seen {
  /** On the suspend-counting clock, which all processes of the machine share. */
  readonly atMs: number;
  readonly replica: Replica;
  readonly what:
    | "get"
    | "watch"
    | "claim"
    | "renewal"
    | "release"
    | "endpoints"
    | "event"
    | "review";
  readonly status: number;
  /** What it would write. */
  readonly body: ApiObject;
  /** What it was told. */
  readonly answer: ApiObject;
  /** What was alive of the command; looked for only at a claim, a release and around Endpoints. */
  readonly tree: readonly number[];
  /** The addresses that the Service had before. */
  readonly addresses: readonly unknown[];
}

interface Replica {
  readonly lease: string;
  readonly identity: string;
}

export interface ReplicaOptions extends BinOptions, Partial<Replica> {
  readonly lease: string;
}

export interface Cluster {
  readonly store: ApiStore;
  /** All that was asked about this Lease, and about the Service of its replicas. */
  seen(lease: string, ...what: readonly Seen["what"][]): Seen[];
  lease(name: string): ApiObject | undefined;
  holder(name: string): unknown;
  /** Creates or replaces the spec of a Lease, as an operator would. */
  putLease(name: string, spec: Readonly<Record<string, unknown>>): void;
  removeLease(name: string): void;
  /** Lets the Lease go in the name of its holder, as one of ours does. */
  releaseLease(name: string): void;
  endpoints(name: string): ApiObject | undefined;
  /** Waits for so many confirmed renewals more than there are now. */
  renewals(lease: string, count: number): Promise<Seen[]>;
  /**
   * Leaves requests of this replica without an answer, all or of these kinds, until the function
   * returned is called.
   */
  silence(lease: string, identity: string, ...what: readonly Seen["what"][]): () => void;
  /** Starts the entry point as a replica; its identity is `one` unless told. */
  start(t: TestContext, options: ReplicaOptions): Promise<Bin>;
  close(): Promise<void>;
}

const namespace = "default";
const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
const allEvents = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
const allEndpoints = `/api/v1/namespaces/${namespace}/endpoints`;
/** Small enough for tests, and still safe by the rules of `timing.ts`: G = 2.2 s, H = 3.2 s. */
export const timing: Readonly<Record<"leaseMs" | "stopMs" | "killMs" | "retryMs", number>> = {
  leaseMs: 5000,
  stopMs: 2201,
  killMs: 3201,
  retryMs: 1000,
};

/** Durations for tests that are about something else: a busy machine has time to answer. */
export const calm: Readonly<Record<string, string>> = {
  K8S_AWAIT_ELECTION_LEASE_DURATION: "15",
  K8S_AWAIT_ELECTION_RENEW_DEADLINE: "10",
};

/** The suspend-counting clock, to 10 ms. */
export function bootMs(): number {
  return uptime() * 1000;
}

export async function openCluster(): Promise<Cluster> {
  const { caPem, certPem, keyPem } = await makeCertificates();
  const store = new ApiStore({ tokens: {} });
  const ledger = new Ledger(store);
  const tls = { key: keyPem, cert: certPem };
  const api = await serveApi(store, {
    tls,
    bookmarkMs: 1000,
    intercept: (request, response) => ledger.take(request, response),
  });
  const cluster: Cluster = {
    store,
    seen: (lease, ...what) => ledger.seen(lease, what),
    lease: (name) => ledger.read(`${leases}/${name}`),
    holder: (name) => cluster.lease(name)?.spec?.["holderIdentity"],
    putLease: (name, spec) => ledger.put(leases, "Lease", "coordination.k8s.io/v1", name, { spec }),
    removeLease: (name) => void ledger.ask("DELETE", `${leases}/${name}`),
    releaseLease(name) {
      const time = "2026-01-01T00:00:00.000000Z";
      const annotations = { "k8s-await-election/released": `test/${time}` };
      const metadata = { ...cluster.lease(name)?.metadata, annotations };
      const spec = { holderIdentity: "", acquireTime: time, renewTime: time };
      ledger.put(leases, "Lease", "coordination.k8s.io/v1", name, { metadata, spec });
    },
    endpoints: (name) => ledger.read(`${allEndpoints}/${name}`),
    async renewals(lease, count) {
      const find = () => cluster.seen(lease, "renewal").filter(({ status }) => status === 200);
      const before = find().length;
      await until(() => find().length >= before + count, `${count} renewals of ${lease}`);
      return find().slice(before);
    },
    silence: (lease, identity, ...what) => ledger.silence({ lease, identity }, what),
    start: (t, options) => startReplica(t, { ledger, api, caPem }, options),
    close: () => api.close(),
  };
  return cluster;
}

/** The lease was let go so often, and whenever it was let go or taken nothing was alive. */
export function assertReleases(cluster: Cluster, lease: string, count: number): void {
  const releases = cluster.seen(lease, "release").filter(({ status }) => status === 200);
  assert.equal(releases.length, count, "releases");
  assertEmptyBetween(cluster, lease);
  assert.equal(cluster.holder(lease) ?? "", "");
}

/** Whenever the lease was let go or taken no process of any command was alive. */
export function assertEmptyBetween(cluster: Cluster, lease: string): void {
  const changes = cluster.seen(lease, "claim", "release").filter(({ status }) => status < 300);
  const alive = changes.map(({ what, tree }) => `${what}: ${tree.length} alive`);
  const expected = changes.map(({ what }) => `${what}: 0 alive`);
  assert.deepEqual(alive, expected);
}

class Ledger {
  readonly #replicas = new Map<string, Replica>();
  readonly #store: ApiStore;
  readonly #seen: Seen[] = [];
  readonly #silent = new Map<string, readonly Seen["what"][]>();

  constructor(store: ApiStore) {
    this.#store = store;
    store.admit(admin, "admin");
  }

  seen(lease: string, what: readonly Seen["what"][]): Seen[] {
    const isWanted = (it: Seen) => what.length === 0 || what.includes(it.what);
    return this.#seen.filter((it) => it.replica.lease === lease && isWanted(it));
  }

  admit(token: string, replica: Replica): void {
    this.#replicas.set(token, replica);
    this.#store.admit(token, replica.identity);
  }

  silence(replica: Replica, what: readonly Seen["what"][]): () => void {
    const name = nameOf(replica);
    this.#silent.set(name, what);
    return () => this.#silent.delete(name);
  }

  /** Answers everything but watches itself, so that the answer is recorded with the question. */
  take(request: ApiRequest, response: ServerResponse): boolean {
    const replica = this.#replicas.get(request.token ?? "");
    if (replica === undefined) return false;
    const body = parse(request.body ?? "");
    const what = kindOf(request, body);
    const silent = this.#silent.get(nameOf(replica));
    if (silent?.length === 0 || silent?.includes(what)) return true;
    const needsLook = what === "claim" || what === "release" || what === "endpoints";
    const tree = needsLook ? treeUnder(replica.lease) : [];
    const addresses = needsLook ? addressesOf(this.read(`${allEndpoints}/${replica.lease}`)) : [];
    const moment = { atMs: bootMs(), replica, what, body, tree, addresses };
    if (what === "watch") {
      this.#seen.push({ ...moment, status: 200, answer: {} });
      return false;
    }
    const answer = this.#store.handle(request, Date.now());
    if (answer.type === "stream") throw new Error("Only a watch is a stream");
    this.#seen.push({ ...moment, status: answer.status, answer: parse(answer.body) });
    response.writeHead(answer.status, answer.headers).end(answer.body);
    return true;
  }

  read(path: string): ApiObject | undefined {
    const { status, body } = this.ask("GET", path);
    return status === 200 ? body : undefined;
  }

  put(all: string, kind: string, apiVersion: string, name: string, content: object): void {
    const found = this.read(`${all}/${name}`);
    const fresh = { kind, apiVersion, metadata: { name } };
    const { status } =
      found === undefined
        ? this.ask("POST", all, { ...fresh, ...content })
        : this.ask("PUT", `${all}/${name}`, { ...found, ...content });
    assert.ok(status < 300, `${kind} ${name} could not be written: ${status}`);
  }

  ask(method: string, path: string, body?: object): { status: number; body: ApiObject } {
    const request = { method, path, token: admin };
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = this.#store.handle({ ...request, ...text }, Date.now());
    if (answer.type === "stream") throw new Error("Only a watch is a stream");
    return { status: answer.status, body: parse(answer.body) };
  }
}

const admin = "admin";

function nameOf({ lease, identity }: Replica): string {
  return `${lease}/${identity}`;
}

interface Ground {
  readonly ledger: Ledger;
  readonly api: ServedApi;
  readonly caPem: string;
}

async function startReplica(
  t: TestContext,
  { ledger, api, caPem }: Ground,
  { lease, identity = "one", ...options }: ReplicaOptions,
): Promise<Bin> {
  const token = `token-of-${lease}-${identity}`;
  const mount = await mountServiceAccount({ token, caPem, namespace });
  ledger.admit(token, { lease, identity });
  t.after(() => mount.remove());
  const env = {
    ...clusterEnvironment({ host: "127.0.0.1", port: api.port }, mount),
    K8S_AWAIT_ELECTION_ENABLED: "1",
    K8S_AWAIT_ELECTION_NAME: "test",
    K8S_AWAIT_ELECTION_LOCK_NAME: lease,
    K8S_AWAIT_ELECTION_LOCK_NAMESPACE: namespace,
    K8S_AWAIT_ELECTION_IDENTITY: identity,
    K8S_AWAIT_ELECTION_LEASE_DURATION: "5",
    K8S_AWAIT_ELECTION_RENEW_DEADLINE: "3",
    K8S_AWAIT_ELECTION_RETRY_PERIOD: "1",
    ...options.env,
  };
  return startBin(t, { ...options, env });
}

function kindOf({ method, path }: ApiRequest, body: ApiObject): Seen["what"] {
  if (path.startsWith(allEndpoints)) return "endpoints";
  if (path.startsWith(allEvents)) return "event";
  if (path.startsWith("/apis/authorization.k8s.io/")) return "review";
  if (path.includes("watch=")) return "watch";
  if (method === "GET") return "get";
  const { holderIdentity, acquireTime, renewTime } = body.spec ?? {};
  if ((holderIdentity ?? "") === "") return "release";
  return acquireTime === renewTime ? "claim" : "renewal";
}

export function addressesOf(endpoints: ApiObject | undefined): readonly unknown[] {
  const subsets = endpoints?.["subsets"];
  if (!Array.isArray(subsets)) return [];
  return subsets.flatMap((subset: { addresses?: { ip: string }[] }) =>
    (subset.addresses ?? []).map(({ ip }) => ip),
  );
}

function parse(text: string): ApiObject {
  try {
    return JSON.parse(text) as ApiObject;
  } catch {
    return {};
  }
}
