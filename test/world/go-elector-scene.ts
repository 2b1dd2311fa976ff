/**
 * A scene with Go replicas only, as the contract's figures were measured: each replica behind a
 * proxy of its own, one store, and somebody who counts the commands that run.
 */
import { ApiStore } from "../../src/api-server/store.ts";
import { type Lease, readLease } from "../../src/core/lease.ts";
import type { Method, Order, Report } from "../../src/core/protocol.ts";
import type { Way } from "./go-elector-process.ts";
import { GoReplica, type GoReplicaOptions, type Work } from "./go-elector-replica.ts";
import { World } from "./world.ts";

type RequestOrder = Extract<Order, { type: "request" }>;

const lock = "sim";
const path = `/apis/coordination.k8s.io/v1/namespaces/default/leases/${lock}`;
const serverStartMs = Date.UTC(2026, 0, 1);

/** LINBIT's, with client-go 0.36 and the default durations. */
export const original: Omit<GoReplicaOptions, "identity"> = {
  lock,
  leaseMs: 15_000,
  renewDeadlineMs: 10_000,
  retryMs: 2000,
  release: "v0.34",
  handlesSigterm: false,
  isPid1: true,
};

export interface SceneOptions {
  readonly seed: number;
  readonly followers?: number;
  readonly replica?: Partial<GoReplicaOptions>;
  /** Milliseconds that the leader's clock counts in one of the followers'. */
  readonly leaderRate?: number;
}

export class Scene {
  readonly world: World;
  readonly works: Works;
  /** The first one leads. */
  readonly replicas: readonly GoReplica[];
  readonly proxies: readonly Proxy[];
  /** The last write that put a name into the Lease, or kept it there. */
  lastClaimMs = 0;
  /** Releases that took another's name out of the Lease (DL2). */
  wipes = 0;
  readonly #store: ApiStore;
  #lease: Lease | undefined;

  constructor({ seed, followers = 2, replica = {}, leaderRate = 1 }: SceneOptions) {
    this.world = new World(seed);
    this.works = new Works(this.world);
    this.#store = new ApiStore({ seed });
    const names = Array.from({ length: followers + 1 }, (_, number) => `go-${number}`);
    this.proxies = names.map((name) => new Proxy(this.world, (order) => this.#serve(name, order)));
    this.replicas = names.map((identity, number) => {
      const clockRate = number === 0 ? leaderRate : 1;
      const options = { ...original, ...replica, identity, clockRate };
      return new GoReplica(this.world, this.proxies[number]!, this.works, options);
    });
    this.replicas.forEach((replica, number) => {
      this.world.after(number === 0 ? 0 : this.world.between(100, 4000), () => replica.boot());
    });
    // Long enough for the followers' attempts to have spread, and for a term to be an old one.
    this.run(this.world.between(16_000, 24_000));
  }

  get leader(): GoReplica {
    return this.replicas[0]!;
  }

  /** The way of the leader. */
  get proxy(): Proxy {
    return this.proxies[0]!;
  }

  run(ms: number): void {
    this.world.run(this.world.nowMs + ms);
  }

  /** Looks every `stepMs`, and fails if it is not so within a minute. */
  until(what: string, stepMs: number, isSo: () => boolean): void {
    const limitMs = this.world.nowMs + 60_000;
    while (!isSo()) {
      if (this.world.nowMs > limitMs) throw new Error(`${what}: not within a minute`);
      this.run(stepMs);
    }
  }

  get lease(): Lease | undefined {
    return this.#lease;
  }

  deleteLease(): void {
    this.#store.handle({ method: "DELETE", path }, this.#wallMs);
    this.#lease = undefined;
  }

  /** As an operator does it. */
  edit(spec: Readonly<Record<string, unknown>>): void {
    const { raw } = this.#lease!;
    const body = JSON.stringify({ ...raw, spec: { ...(raw["spec"] as object), ...spec } });
    const answer = this.#store.handle({ method: "PUT", path, body }, this.#wallMs);
    if (answer.type !== "answer" || answer.status !== 200) throw new Error("not edited");
    this.#keep(answer.body);
  }

  #serve(name: string, { method, path, body }: RequestOrder): Report & { type: "answered" } {
    const request = { method, path, ...(body === undefined ? {} : { body }) };
    const answer = this.#store.handle(request, this.#wallMs);
    if (answer.type !== "answer") throw new Error("a stream, but nobody watches");
    if (method !== "GET" && answer.status < 300) this.#written(name, answer.body);
    return { type: "answered", id: "", status: answer.status, body: answer.body };
  }

  #written(by: string, body: string): void {
    const before = this.#lease;
    const lease = this.#keep(body);
    if (lease.holder !== "") this.lastClaimMs = this.world.nowMs;
    else if (before !== undefined && before.holder !== by) this.wipes += 1;
  }

  #keep(body: string): Lease {
    const lease = readLease(body);
    if (typeof lease === "string") throw new Error(lease);
    this.#lease = lease;
    return lease;
  }

  get #wallMs(): number {
    return serverStartMs + this.world.nowMs;
  }
}

/** Counts the commands that run. */
class Works implements Work {
  /** When each began. */
  readonly startsMs: number[] = [];
  readonly #world: World;
  /** For how long so many ran. */
  readonly #spansMs: number[] = [];
  #running = 0;
  #sinceMs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  started(): () => void {
    this.startsMs.push(this.#world.nowMs);
    this.#change(1);
    return () => this.#change(-1);
  }

  get running(): number {
    return this.#running;
  }

  /** For how long two or more ran. */
  get overlapMs(): number {
    this.#change(0);
    return this.#spansMs.slice(2).reduce((sum, ms) => sum + ms, 0);
  }

  /** For how long none ran. */
  get emptyMs(): number {
    this.#change(0);
    return this.#spansMs[0] ?? 0;
  }

  #change(by: number): void {
    const { nowMs } = this.#world;
    const spentMs = this.#spansMs[this.#running] ?? 0;
    this.#spansMs[this.#running] = spentMs + nowMs - this.#sinceMs;
    this.#running += by;
    this.#sinceMs = nowMs;
  }
}

/** A verb takes the place of the one before. What a cut holds back arrives after `heal()`, late. */
class Proxy implements Way {
  readonly #world: World;
  readonly #serve: (order: RequestOrder) => Report & { type: "answered" };
  readonly #held: (() => void)[] = [];
  #state: "open" | "cut" | "reset" | "refused" = "open";
  #answersLateMs = 0;
  /** When an answer last came through. */
  answeredMs = 0;
  /** How many requests came, by method. */
  readonly requests: Record<Method, number> = { GET: 0, POST: 0, PUT: 0, PATCH: 0 };

  constructor(world: World, serve: (order: RequestOrder) => Report & { type: "answered" }) {
    this.#world = world;
    this.#serve = serve;
  }

  request(order: RequestOrder, tell: (report: Report) => void): void {
    const { id } = order;
    this.requests[order.method] += 1;
    const fail = (error: string) => tell({ type: "unanswered", id, error });
    this.#pass(0, fail, () => {
      const answer = this.#serve(order);
      this.#pass(this.#answersLateMs, fail, () => {
        this.answeredMs = this.#world.nowMs;
        tell({ ...answer, id });
      });
    });
  }

  cut(): void {
    this.#state = "cut";
  }

  /** A GET is tried again by client-go's REST layer after a reset, and not after a refusal. */
  reset(): void {
    this.#state = "reset";
  }

  refuse(): void {
    this.#state = "refused";
  }

  delayAnswers(ms: number): void {
    this.#answersLateMs = ms;
  }

  heal(): void {
    this.#state = "open";
    for (const arrive of this.#held.splice(0)) arrive();
  }

  #pass(lateMs: number, fail: (error: string) => void, arrive: () => void): void {
    this.#world.after(lateMs + this.#world.between(0.3, 3), () => {
      if (this.#state === "open") arrive();
      else if (this.#state === "cut") this.#held.push(arrive);
      else fail(this.#state === "reset" ? "connection reset by peer" : "connection refused");
    });
  }
}
