/**
 * Many candidates in one process: each is a whole program on the Node host's loop and API layer, with
 * connections of its own. Only the command and the watchdog are stand-ins, which note when they run.
 */
import { randomBytes, randomInt } from "node:crypto";
import type { Order, Report } from "../../src/core/protocol.ts";
import { type Api, createApi } from "../../src/node/api/api.ts";
import type { Access } from "../../src/node/api/server.ts";
import { createClock } from "../../src/node/clock.ts";
import { createLoop, type Loop } from "../../src/node/loop.ts";

export interface Lock {
  readonly namespace: string;
  readonly name: string;
  /** D, R and P in seconds. */
  readonly durations: readonly [number, number, number];
}

/** A command's life, in milliseconds of this process. */
export interface Life {
  readonly by: Candidate;
  readonly fromMs: number;
  toMs: number;
}

export type Asked = "get" | "watch" | "claim" | "renewal" | "release";

/** One that was sent, be it answered or not. */
export interface Sent {
  readonly by: Candidate;
  readonly atMs: number;
  readonly what: Asked;
}

/** What all of them did. */
export interface Journal {
  readonly lives: Life[];
  readonly sent: Sent[];
}

export class Candidate {
  readonly identity: string;
  readonly #clock = createClock();
  readonly #lock: Lock;
  readonly #journal: Journal;
  readonly #api: Api;
  readonly #loop: Loop;
  #life: Life | undefined;
  #guard: NodeJS.Timeout | undefined;

  constructor(identity: string, lock: Lock, access: Access, journal: Journal) {
    this.identity = identity;
    this.#lock = lock;
    this.#journal = journal;
    this.#api = createApi({ access, report: (report) => this.#loop.report(report) });
    this.#loop = createLoop({
      clock: this.#clock,
      carryOut: (order) => this.#carryOut(order),
      failed: (error) => {
        this.crash();
        throw error;
      },
    });
  }

  begin(): void {
    const prefix = "K8S_AWAIT_ELECTION_";
    const { namespace, name, durations } = this.#lock;
    this.#loop.begin({
      seed: randomInt(2 ** 32),
      incarnation: randomBytes(16).toString("hex"),
      variables: {
        [`${prefix}ENABLED`]: "1",
        [`${prefix}NAME`]: name,
        [`${prefix}LOCK_NAME`]: name,
        [`${prefix}LOCK_NAMESPACE`]: namespace,
        [`${prefix}IDENTITY`]: this.identity,
        [`${prefix}LEASE_DURATION`]: String(durations[0]),
        [`${prefix}RENEW_DEADLINE`]: String(durations[1]),
        [`${prefix}RETRY_PERIOD`]: String(durations[2]),
      },
      hasCommand: true,
      hostName: this.identity,
      isPid1: false,
      abilities: { treeDiesWithHost: true, reapsOrphans: true, soleHolder: false },
    });
  }

  terminate(): void {
    this.#report({ type: "signalled", signal: "SIGTERM" });
  }

  /** All of it is gone at once, and says nothing to anybody. */
  crash(): void {
    this.#loop.stop();
    this.#api.close();
    clearTimeout(this.#guard);
    this.#end();
  }

  #carryOut(order: Order): void {
    switch (order.type) {
      case "request":
        this.#note(order.method === "GET" ? "get" : kindOf(order.body ?? ""));
        return this.#api.request(order);
      case "watch":
        this.#note("watch");
        return this.#api.watch(order);
      case "abandon":
        return this.#api.abandon(order.id);
      case "guard":
        return this.#arm(order.at);
      case "start":
        return this.#start();
      case "signal":
        return this.#stop({ type: "exited", code: 0 });
      case "kill":
        this.#stop({ type: "exited", signal: "SIGKILL" });
        return this.#report({ type: "emptied" });
      case "exit":
        return this.crash();
      default:
        return;
    }
  }

  #note(what: Asked): void {
    this.#journal.sent.push({ by: this, atMs: performance.now(), what });
  }

  /** It is another thread's in the host: here it is as late as the loop. */
  #arm(at: Extract<Order, { type: "guard" }>["at"]): void {
    clearTimeout(this.#guard);
    if (at === undefined) return;
    this.#report({ type: "guardReady", at });
    this.#guard = setTimeout(() => {
      this.#end();
      this.#report({ type: "guardFired" });
    }, at - this.#clock.now().instant);
  }

  #start(): void {
    this.#life = { by: this, fromMs: performance.now(), toMs: Infinity };
    this.#journal.lives.push(this.#life);
    this.#report({ type: "started", pid: process.pid });
  }

  #stop(exited: Report): void {
    if (this.#life === undefined) return;
    this.#end();
    this.#report(exited);
  }

  #end(): void {
    if (this.#life !== undefined) this.#life.toMs = performance.now();
    this.#life = undefined;
  }

  /** After the orders of this step. */
  #report(report: Report): void {
    setImmediate(() => this.#loop.report(report));
  }
}

/** A claim begins a term, so its two times are one. */
function kindOf(body: string): Asked {
  const { spec } = JSON.parse(body) as { spec: Readonly<Record<string, unknown>> };
  if (spec["holderIdentity"] === "") return "release";
  return spec["acquireTime"] === spec["renewTime"] ? "claim" : "renewal";
}
