/**
 * The API server of a run: the embedded server's store, and the faults that all of its clients share.
 *
 * Every write to the Lease passes here, so this is where the truth about it is: who wrote what, when.
 */
import { ApiStore } from "../../src/api-server/store.ts";
import type { ApiRequest } from "../../src/api-server/requests.ts";
import { type Lease, leaseOf } from "../../src/core/lease.ts";
import { startMs } from "./machine.ts";
import { Outage } from "./outage.ts";
import { parsed } from "./parsed.ts";
import type { World } from "./world.ts";

export interface Commit {
  /** Who wrote: a process of ours, a Go elector or an operator. */
  readonly by: string;
  /** The id of the request in that process. */
  readonly id: string;
  readonly before: Lease | undefined;
  readonly after: Lease | undefined;
  readonly atMs: number;
}

export type Answer = { readonly status: number; readonly body: string };
export type Stream = Extract<ReturnType<ApiStore["handle"]>, { type: "stream" }>;

export const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
export const leasePath: string = `${leases}/sim`;

export class Server {
  readonly store: ApiStore;
  readonly outage: Outage;
  #isDown = false;
  #failing = 0;
  readonly #world: World;
  readonly #committed: (commit: Commit) => void;
  /** Told of every write to what routes a Service. */
  routed: () => void = () => undefined;
  readonly #streams = new Set<() => void>();
  #lease: Lease | undefined;

  constructor(world: World, seed: number, committed: (commit: Commit) => void) {
    this.#world = world;
    this.outage = new Outage(world);
    this.store = new ApiStore({ seed });
    this.#committed = committed;
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  /** Refuses everybody, or answers with a failure with some probability; without either it is well. */
  disturb(trouble: { readonly isDown?: boolean; readonly failing?: number } = {}): void {
    const { isDown = false, failing = 0 } = trouble;
    this.#isDown = isDown;
    this.#failing = failing;
    if (isDown) for (const end of this.#streams) end();
    this.outage.note(isDown || failing > 0);
  }

  get lease(): Lease | undefined {
    return this.#lease;
  }

  handle(request: ApiRequest, by: string, id: string): Answer | Stream {
    if (this.#world.chance(this.#failing)) return this.#failure();
    const answer = this.store.handle(request, startMs + this.#world.nowMs);
    if (answer.type === "stream") return answer;
    const isWrite = request.method !== "GET" && answer.status < 300;
    if (isWrite && /\/endpoint(s|slices)\b/.test(request.path)) this.routed();
    if (isWrite && request.path.startsWith(leases)) {
      const found = request.method === "DELETE" ? undefined : leaseOf(parsed(answer.body));
      const before = this.#lease;
      this.#lease = typeof found === "string" ? undefined : found;
      this.#committed({ by, id, before, after: this.#lease, atMs: this.#world.nowMs });
    }
    return answer;
  }

  /** Remembers how to end an open stream; returns the way to forget it. */
  holds(end: () => void): () => void {
    this.#streams.add(end);
    return () => this.#streams.delete(end);
  }

  #failure(): Answer {
    const status = this.#world.pick([429, 500, 502, 503, 504]);
    return { status, body: `{"kind":"Status","status":"Failure","code":${status}}` };
  }
}
