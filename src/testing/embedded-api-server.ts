/** An API server for tests, without a cluster: Leases as a real one keeps them. */
import { ApiStore } from "../api-server/store.ts";
import { type ServedApi, serveApi } from "../api-server/serve.ts";
import { TestReplica } from "./replica.ts";
import { VirtualTime } from "./virtual-time.ts";

/** What a server is made with. */
export interface EmbeddedApiServerOptions {
  /** The time of the replicas that it carries; its own unless told. */
  readonly time?: VirtualTime;
  /** Those that exist; `default` alone unless told. */
  readonly namespaces?: readonly string[];
}

/** The `spec` of a Lease, as far as electors write it. */
export interface LeaseSpec {
  /** Empty where nobody holds it. */
  readonly holderIdentity?: string;
  /** Whole seconds. */
  readonly leaseDurationSeconds?: number;
  /** `2026-01-01T00:00:00.000000Z`: six digits. */
  readonly acquireTime?: string;
  /** In the same form. */
  readonly renewTime?: string;
  /** How often the holder has changed. */
  readonly leaseTransitions?: number;
}

/** Where a server listens. */
export interface Listening {
  /** Such as `http://127.0.0.1:40000`. */
  readonly url: string;
  /** The text of a kubeconfig, for `KubeConfig.loadFromString()` or a file. */
  readonly kubeconfig: string;
}

/**
 * Keeps Leases as kube-apiserver does, with versions, preconditions and watches: one suite of tests holds
 * it and a real one to the same behaviour.
 *
 * Replicas of virtual time reach it by `replica()`, without a network. `listen()` serves it on loopback
 * in real time, for processes of their own.
 */
export class EmbeddedApiServer implements AsyncDisposable {
  /** Of its replicas. */
  readonly time: VirtualTime;
  readonly #store: ApiStore;
  readonly #served: ServedApi[] = [];

  constructor({ time = new VirtualTime(), namespaces }: EmbeddedApiServerOptions = {}) {
    this.time = time;
    this.#store = new ApiStore(namespaces === undefined ? {} : { namespaces });
    this.#bookmark();
  }

  /** A process of its own for electors: `new LeaderElector({ lease, host: server.replica() })`. */
  replica(): TestReplica {
    return new TestReplica(this.#store, this.time);
  }

  /** Who holds a Lease; empty where nobody does, or there is none. */
  holder(namespace: string, name: string): string {
    return this.lease(namespace, name)?.holderIdentity ?? "";
  }

  /** What a Lease says; missing where there is none. */
  lease(namespace: string, name: string): LeaseSpec | undefined {
    const { status, body } = this.#ask("GET", pathOf(namespace, name));
    return status === 200 ? (JSON.parse(body) as { spec?: LeaseSpec }).spec : undefined;
  }

  /** Changes a Lease as an operator would, whatever its version is; creates it where there is none. */
  editLease(namespace: string, name: string, spec: LeaseSpec): void {
    const path = pathOf(namespace, name);
    const { status, body } = this.#ask("GET", path);
    const known = status === 200 ? (JSON.parse(body) as { spec?: LeaseSpec }) : undefined;
    const object = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name },
      ...known,
      spec: { ...known?.spec, ...spec },
    };
    const answer =
      known === undefined
        ? this.#ask("POST", pathOf(namespace), object)
        : this.#ask("PUT", path, object);
    if (answer.status >= 300) throw new Error(`Cannot edit ${namespace}/${name}: ${answer.body}`);
  }

  /** Where there is none, nothing happens. */
  deleteLease(namespace: string, name: string): void {
    this.#ask("DELETE", pathOf(namespace, name));
  }

  /** Serves it as plain HTTP on a port of 127.0.0.1, in real time; returns a kubeconfig for it. */
  async listen(): Promise<Listening> {
    const served = await serveApi(this.#store, { bookmarkMs: 10_000 });
    this.#served.push(served);
    const { url } = served;
    const kubeconfig = JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "embedded", cluster: { server: url } }],
      users: [{ name: "embedded", user: {} }],
      contexts: [{ name: "embedded", context: { cluster: "embedded", user: "embedded" } }],
      "current-context": "embedded",
    });
    return { url, kubeconfig };
  }

  /** Ends what `listen()` began. */
  async close(): Promise<void> {
    await Promise.all(this.#served.map((served) => served.close()));
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #ask(method: string, path: string, object?: unknown): { status: number; body: string } {
    const body = object === undefined ? {} : { body: JSON.stringify(object) };
    const answer = this.#store.handle({ method, path, ...body }, this.time.now().wallMs);
    return { status: answer.status, body: "body" in answer ? answer.body : "" };
  }

  /** As often as a real server. */
  #bookmark(): void {
    this.time.after(60_000, () => {
      this.#store.bookmark();
      this.#bookmark();
    });
  }
}

function pathOf(namespace: string, name?: string): string {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  return name === undefined ? leases : `${leases}/${name}`;
}
