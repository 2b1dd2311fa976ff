/** An election on virtual time, of which a test sees every effect and answers every request. */
import assert from "node:assert/strict";
import * as elections from "../../src/core/election.ts";
import type { Effect } from "../../src/core/notes.ts";
import {
  type Instant,
  instant,
  type Now,
  type Order,
  type Report,
} from "../../src/core/protocol.ts";
import type { Timing } from "../../src/core/timing.ts";
import { defaultTiming } from "./leases.ts";

export type Request = Extract<Order, { type: "request" }>;

interface Body {
  readonly metadata: Record<string, unknown>;
  readonly spec: Record<string, unknown>;
}

const startWallMs = Date.UTC(2026, 0, 1);

export class Elector {
  election: elections.Election;
  /** What the last step gave. */
  effects: readonly Effect[] = [];
  ms = 0;
  /** The wall clock, which stands still unless a test moves it. */
  wallMs: number = startWallMs;

  constructor(timing: Timing = defaultTiming) {
    const self = {
      identity: "a",
      mark: { incarnation: "me", podUid: "pod-1", pid1: true },
      soleHolder: false,
      strict: false,
    };
    const about = { pod: "web-0", node: "node-1", version: "1.2.3" };
    const settings = { namespace: "default", name: "demo", self, timing, about };
    const [election, ...effects] = elections.begin(settings, 1, this.#now());
    this.election = election;
    this.effects = effects;
  }

  report(report: Report): this {
    return this.keep(elections.step(this.election, report, this.#now()));
  }

  resign(): this {
    return this.keep(elections.resign(this.election, "done", this.#now()));
  }

  rejoin(): this {
    return this.keep(elections.rejoin(this.election, 0, this.#now()));
  }

  /** To that instant, in one tick: what was asked for before is late. */
  tickAt(ms: number): this {
    this.ms = ms;
    return this.report({ type: "tick" });
  }

  /** To the next instant that the election asks for. */
  wake(): this {
    return this.tickAt(Math.max(this.ms, this.wakeAt));
  }

  /** To the next request that the election sends by itself; its watch may want a tick before. */
  next(): this {
    for (let ticks = 0; ticks < 5; ticks++) {
      if (this.wake().effects.some((effect) => effect.type === "request")) return this;
    }
    return assert.fail("no request after 5 ticks");
  }

  /** To the request after one that failed: sent with its failure, or when it is due. */
  retry(): this {
    return this.effects.some((effect) => effect.type === "request") ? this : this.next();
  }

  answer(status: number, body = "", retryAfterMs?: number): this {
    return this.answerTo(this.request, status, body, retryAfterMs);
  }

  answerTo({ id }: Request, status: number, body: string, retryAfterMs?: number): this {
    const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
    return this.report({ type: "answered", id, status, body, ...retry });
  }

  /** The server takes the write, and calls it by this version. */
  confirm(version: string, request: Request = this.request): this {
    return this.answerTo(request, 200, confirmed(request, version));
  }

  fail(request: Request = this.request): this {
    return this.report({ type: "unanswered", id: request.id, error: "timeout" });
  }

  /** Leads since instant 0, with the lease at version 7, and its watch is open. */
  lead(): this {
    this.answer(404).confirm("7");
    assert.equal(this.phase, "leading");
    this.report({ type: "tick" });
    assert.equal(this.effects[0]?.type, "watch");
    return this.report({ type: "opened", id: "watch-1" });
  }

  event(type: string, leaseText: string): this {
    return this.report({
      type: "line",
      id: "watch-1",
      text: `{"type":"${type}","object":${leaseText}}`,
    });
  }

  get phase(): string {
    return this.election.phase.name;
  }

  get wakeAt(): Instant {
    return elections.wakeAt(this.election) ?? assert.fail("it asks for no tick");
  }

  get request(): Request {
    const found = this.effects.find((effect) => effect.type === "request");
    return found ?? assert.fail(`no request among ${JSON.stringify(this.effects)}`);
  }

  /** When the command's tree has to be dead, or undefined where there is no term. */
  get killAt(): Instant | undefined {
    return elections.tenure(this.election)?.killAt;
  }

  keep([election, ...effects]: readonly [elections.Election, ...Effect[]]): this {
    this.election = election;
    this.effects = effects;
    return this;
  }

  #now(): Now {
    return { instant: instant(this.ms), wallMs: this.wallMs };
  }
}

export function bodyOf(request: Request): Body {
  return JSON.parse(request.body ?? "") as Body;
}

export function renewTimeOf(request: Request): string {
  return String(bodyOf(request).spec["renewTime"]);
}

/** The object that a write leaves at the server. */
export function confirmed(request: Request, version: string): string {
  const object = bodyOf(request);
  const metadata = { uid: "uid-1", ...object.metadata, resourceVersion: version };
  return JSON.stringify({ ...object, metadata });
}
