/** Electors on virtual time, and functions that tell when they run. */
import assert from "node:assert/strict";
import {
  type CampaignOptions,
  type ElectorOptions,
  LeaderElector,
  type Term,
} from "../../src/library/index.ts";
import { EmbeddedApiServer, type TestReplica, type VirtualTime } from "../../src/testing/index.ts";

export const lease = { namespace: "default", name: "demo" };

/** G = 10.6 s, H = 11.6 s and E = 12.6 s after a renewal was sent. */
export const defaults = { leaseMs: 15_000, stopMs: 10_605, killMs: 11_605, endMs: 12_605 };

/** An answer, a watch and a claim, each of a few virtual milliseconds. */
export const promptMs = 30;

export interface Actor {
  readonly elector: LeaderElector;
  readonly replica: TestReplica;
  readonly stop: AbortController;
  /** Of its functions, in order. */
  readonly terms: Term[];
  readonly result: Promise<unknown>;
  /** How `result` was settled, once it is. */
  outcome: { readonly value: unknown } | { readonly error: unknown } | undefined;
}

export interface Span {
  readonly by: string;
  readonly token: string;
  readonly fromMs: number;
  toMs: number;
}

export interface ActorOptions extends Partial<ElectorOptions>, CampaignOptions {
  /** From the abort to the end of its function. */
  readonly stopMs?: number;
  /** In place of running until it is aborted. */
  readonly run?: (term: Term) => unknown;
}

export class Stage {
  readonly server: EmbeddedApiServer = new EmbeddedApiServer();
  readonly time: VirtualTime = this.server.time;
  /** Every run of a function, in order of its start; one that has not ended reaches to infinity. */
  readonly spans: Span[] = [];

  /** An elector in a process of its own, which campaigns from now on. */
  start(identity: string, options: ActorOptions = {}): Actor {
    const { stopMs = 0, run, rejoin = false, signal: _, ...rest } = options;
    const replica = this.server.replica();
    const elector = new LeaderElector({ lease, identity, host: replica, ...rest });
    const stop = new AbortController();
    const terms: Term[] = [];
    const lead = async (term: Term): Promise<unknown> => {
      terms.push(term);
      const span: Span = {
        by: identity,
        token: term.fencingToken,
        fromMs: this.time.nowMs,
        toMs: Number.POSITIVE_INFINITY,
      };
      this.spans.push(span);
      try {
        return await (run === undefined ? this.#untilAborted(term, stopMs) : run(term));
      } finally {
        span.toMs = this.time.nowMs;
      }
    };
    const result = elector.campaign(lead, { signal: stop.signal, rejoin });
    const actor: Actor = { elector, replica, stop, terms, result, outcome: undefined };
    result.then(
      (value) => (actor.outcome = { value }),
      (error: unknown) => (actor.outcome = { error }),
    );
    return actor;
  }

  /** Starts it and waits until it leads. */
  async startLed(identity: string, options?: ActorOptions): Promise<Actor> {
    const actor = this.start(identity, options);
    await this.untilLeads(actor);
    return actor;
  }

  /** Returns how many milliseconds it took. */
  untilLeads(actor: Actor, count: number = actor.terms.length + 1): Promise<number> {
    return this.time.until(() => actor.terms.length >= count);
  }

  holder(): string {
    return this.server.holder(lease.namespace, lease.name);
  }

  edit(holderIdentity: string): void {
    this.server.editLease(lease.namespace, lease.name, { holderIdentity });
  }

  async #untilAborted({ signal }: Term, stopMs: number): Promise<string> {
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
    if (stopMs > 0) await this.time.sleep(stopMs);
    return "stopped";
  }
}

/** No two functions ran at once, and each later one had a larger token. */
export function assertExclusive({ spans }: Stage): void {
  for (const [at, span] of spans.entries()) {
    const next = spans[at + 1];
    if (next === undefined) continue;
    assert.ok(span.toMs <= next.fromMs, `${span.by} overlaps ${next.by}`);
    assert.ok(BigInt(span.token) < BigInt(next.token), "S10");
  }
}
