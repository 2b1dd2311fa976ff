/** What reached the API server of the replicas of one Lease, in the order in which it came. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import type { ApiRequest } from "../../src/api-server/requests.ts";
import type { ApiStore } from "../../src/api-server/store.ts";
import { createClock, settle } from "../../src/node/clock.ts";
import type { ApiObject } from "../support/api-client.ts";

/** A request that has arrived, and who sent it. */
export interface Asked {
  readonly identity: string;
  readonly what: "get" | "watch" | "claim" | "renewal" | "release" | "other";
  readonly request: ApiRequest;
}

export interface Seen extends Omit<Asked, "request"> {
  /** When it had come, on the suspend-counting clock. */
  readonly atMs: number;
  /**
   * Of a write, when it was sent, by the time that it carries. After retries that time runs ahead
   * (I3): then it is when it had come, a little later.
   */
  readonly sentAtMs: number;
  /** 0 where a test answered it, or did not. */
  readonly status: number;
  /** The version that the answer shows: after a claim the fencing token of its term. */
  readonly version: string;
  /** Who held the lease until then. */
  readonly heldBy: string;
}

/** Answers a request itself, or never, where it returns true. */
export type Meddle = (asked: Asked, response: ServerResponse) => boolean;

const clock = createClock();
settle(clock);

/** The suspend-counting clock, as the oracle reads it. */
export function bootMs(): number {
  return clock.now().instant;
}

export class Ledger {
  readonly seen: Seen[] = [];
  meddle: Meddle = () => false;
  readonly #store: ApiStore;
  readonly #read: () => ApiObject | undefined;

  constructor(store: ApiStore, read: () => ApiObject | undefined) {
    this.#store = store;
    this.#read = read;
  }

  /** Answers all but watches itself, so that the answer is recorded with the question. */
  take(identity: string, request: ApiRequest, response: ServerResponse): boolean {
    const body = parse(request.body ?? "");
    const asked: Asked = { identity, what: kindOf(request, body), request };
    const atMs = bootMs();
    const renewedAtMs = bootTimeOf(Date.parse(String(body.spec?.["renewTime"])));
    const note = (status: number, version = "") =>
      this.seen.push({
        identity,
        what: asked.what,
        atMs,
        sentAtMs: Math.min(atMs, renewedAtMs),
        status,
        version,
        heldBy,
      });
    const heldBy = holderOf(this.#read());
    if (this.meddle(asked, response)) return note(0) > 0;
    if (asked.what === "watch") return note(200) === 0;
    const answer = this.#store.handle(request, Date.now());
    if (answer.type === "stream") throw new Error("Only a watch is a stream");
    note(answer.status, parse(answer.body).metadata?.resourceVersion);
    response.writeHead(answer.status, answer.headers).end(answer.body);
    return true;
  }

  /** Those of these kinds that the server carried out. */
  done(...what: readonly Asked["what"][]): Seen[] {
    return this.seen.filter((it) => what.includes(it.what) && 200 <= it.status && it.status < 300);
  }
}

/**
 * Whoever wrote on another's record did so by a claim, and not before D had passed since that one's
 * last write: the very thing that lets the other rely on E (S7, DL2).
 */
export function assertOwnWrites(ledger: Ledger, leaseMs: number): void {
  let last: Seen | undefined;
  for (const write of ledger.done("claim", "renewal", "release")) {
    const isForeign = write.heldBy !== "" && write.heldBy !== write.identity;
    if (isForeign) {
      const told = `${write.identity} wrote a ${write.what} on the record of ${write.heldBy}`;
      assert.equal(write.what, "claim", told);
      assert.equal(last?.identity, write.heldBy, told);
      const waitedMs = write.atMs - (last?.atMs ?? 0);
      assert.ok(waitedMs >= leaseMs, `${told} ${waitedMs.toFixed(0)} ms after its last write`);
    }
    last = write;
  }
}

/** What the suspend-counting clock showed at that wall time. */
export function bootTimeOf(wallMs: number): number {
  return wallMs - (Date.now() - bootMs());
}

function kindOf({ method, path }: ApiRequest, { spec = {} }: ApiObject): Asked["what"] {
  if (!path.includes("/leases")) return "other";
  if (path.includes("watch=")) return "watch";
  if (method === "GET") return "get";
  if ((spec["holderIdentity"] ?? "") === "") return "release";
  return spec["acquireTime"] === spec["renewTime"] ? "claim" : "renewal";
}

function holderOf(lease: ApiObject | undefined): string {
  const { holderIdentity } = (lease?.spec ?? {}) as { holderIdentity?: string };
  return holderIdentity ?? "";
}

function parse(text: string): ApiObject {
  try {
    return JSON.parse(text) as ApiObject;
  } catch {
    return {};
  }
}
