/**
 * What no report of the world may bring a process to. The judge reads answers and orders only, with
 * eyes of its own, and nothing of the program's state but how long it is.
 */
import assert from "node:assert/strict";
import { wakeAt } from "../../src/core/program.ts";
import type { Order, Report } from "../../src/core/protocol.ts";
import type { Scene } from "./hostile-world.ts";
import { defaultTiming } from "./leases.ts";

interface Seen {
  readonly uid: string;
  readonly version: bigint;
  readonly holder: unknown;
  readonly mark: unknown;
  readonly renewTime: unknown;
}

interface Write {
  readonly what: "claim" | "renewal" | "release";
  readonly mark: unknown;
  readonly renewTime: unknown;
  readonly killAt: number;
}

interface Term {
  readonly token: bigint;
  readonly mark: unknown;
  readonly uid: string;
  /** The newest version known to be ours when nothing was asked. */
  base: bigint;
  /** Its writes by their times. */
  readonly writes: Map<unknown, Write>;
  /** The hard deadlines that were ever confirmed. */
  readonly killAts: Set<number>;
}

/** One record of a container's log, as containerd cuts it. */
const longestLine = 16 * 1024;
const harmful = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]|\p{Cs}/u;
const identity = "a";

export class Judge {
  #asking: { readonly id: string; readonly write?: Write } | undefined;
  #watch: string | undefined;
  #term: Term | undefined;
  #lastToken = 0n;
  #guard: { readonly at: number; isReady: boolean } | undefined;
  #isAlive = false;
  #isKilled = false;

  see(scene: Scene): void {
    const evidence = this.#hear(scene.report);
    for (const order of scene.orders) {
      this.#assertOrder(order);
      this.#heed(order, scene);
    }
    if (evidence === "loss") {
      assert.ok(!this.#isAlive || this.#isKilled, "the command lives on after a loss (S4)");
    }
    if (evidence === "contradiction" && this.#isAlive && !this.#isKilled) {
      const looks = scene.orders.some((it) => it.type === "request" && it.method === "GET");
      assert.ok(looks, "an event contradicts an open write, and nobody looks (S4)");
    }
    if (this.#isAlive && !this.#isKilled) {
      assert.ok(scene.now.instant < (this.#guard?.at ?? 0), "the command lives at H (S3)");
    }
    const due = wakeAt(scene.program);
    assert.ok(due === undefined || Number.isFinite(due), `wakes at ${due}`);
  }

  #hear(report: Report): "loss" | "contradiction" | undefined {
    if (report.type === "emptied" || report.type === "startFailed") {
      this.#isAlive = false;
      this.#isKilled = false;
    }
    if (report.type === "guardReady" && this.#guard?.at === report.at) this.#guard.isReady = true;
    if (report.type === "answered" || report.type === "unanswered") {
      if (report.id !== this.#asking?.id) return undefined;
      const { write } = this.#asking;
      this.#asking = undefined;
      return report.type === "answered" ? this.#answered(report, write) : undefined;
    }
    return report.type === "line" && report.id === this.#watch
      ? this.#told(report.text)
      : undefined;
  }

  #answered(
    { status, body }: Extract<Report, { type: "answered" }>,
    write: Write | undefined,
  ): "loss" | undefined {
    const seen = status === 200 || status === 201 ? leaseIn(parse(body)) : undefined;
    if (write?.what === "claim") {
      const isOpened = seen && isShown(seen, write);
      if (isOpened) this.#term = opened(seen, write);
      return undefined;
    }
    if (this.#term === undefined) return undefined;
    if (status === 404 && write === undefined) return this.#lose();
    if (seen === undefined) return undefined;
    const shown = this.#own(seen);
    // A server whose versions decrease was restored from a backup (O10).
    if (shown === undefined || seen.version < this.#term.base) return this.#lose();
    this.#term.base = seen.version;
    // A renewal's own answer has to show that very renewal; a read may show any.
    if (write === undefined || write === shown) this.#term.killAts.add(shown.killAt);
    return undefined;
  }

  #told(text: string): "loss" | "contradiction" | undefined {
    const event = parse(text) as { type?: unknown; object?: unknown } | undefined;
    const seen = leaseIn(event?.object);
    if (this.#term === undefined || seen === undefined || seen.version <= this.#term.base) return;
    const isDeleted = event?.type === "DELETED";
    if (!isDeleted && event?.type !== "ADDED" && event?.type !== "MODIFIED") return undefined;
    if (!isDeleted && this.#own(seen) !== undefined) {
      if (this.#asking === undefined) this.#term.base = seen.version;
      return undefined;
    }
    return this.#asking?.write === undefined ? this.#lose() : "contradiction";
  }

  /** The write of this term that is shown. */
  #own(seen: Seen): Write | undefined {
    const term = this.#term;
    const write = term?.writes.get(seen.renewTime);
    if (term === undefined || write === undefined || seen.uid !== term.uid) return undefined;
    if (seen.holder !== identity || seen.mark !== term.mark) return undefined;
    return write;
  }

  #lose(): "loss" {
    this.#term = undefined;
    return "loss";
  }

  #heed(order: Order, { now }: Scene): void {
    if (order.type === "watch") this.#watch = order.id;
    if (order.type === "abandon" && this.#asking?.id === order.id) this.#asking = undefined;
    if (order.type === "kill") this.#isKilled = true;
    if (order.type === "start") this.#start(order.addEnv, now.instant);
    if (order.type === "request" && order.id.startsWith("lease-")) this.#ask(order, now.instant);
    if (order.type !== "guard") return;
    this.#guard = order.at === undefined ? undefined : { at: order.at, isReady: false };
    if (order.at === undefined) return;
    assert.ok(this.#term?.killAts.has(order.at), "a deadline of no confirmed write (S3)");
  }

  #start(env: Readonly<Record<string, string>>, at: number): void {
    assert.ok(this.#term !== undefined, "a start without a term (S2)");
    assert.ok(!this.#isAlive, "a start with a tree that may live (S2)");
    assert.ok(this.#guard?.isReady === true, "a start without a guard (S3)");
    const stopAt = this.#guard.at - defaultTiming.killMs + defaultTiming.stopMs;
    assert.ok(at < stopAt - 1000, "a start too late (S2)");
    assert.equal(env["K8S_AWAIT_ELECTION_TERM"], this.#term.mark);
    assert.equal(env["K8S_AWAIT_ELECTION_LEASE_UID"], this.#term.uid);
    const token = BigInt(env["K8S_AWAIT_ELECTION_FENCING_TOKEN"] ?? "");
    assert.equal(token, this.#term.token);
    assert.ok(token > this.#lastToken, `token ${token} after ${this.#lastToken} (S10)`);
    this.#lastToken = token;
    this.#isAlive = true;
    this.#isKilled = false;
  }

  #ask({ id, method, body }: Extract<Order, { type: "request" }>, at: number): void {
    assert.equal(this.#asking, undefined, "two exchanges about the lease at a time");
    const write = body === undefined ? undefined : writeOf(body, at + defaultTiming.killMs);
    this.#asking = { id, ...(write === undefined ? {} : { write }) };
    if (write === undefined) return assert.equal(method, "GET");
    if (write.what === "renewal") {
      assert.ok(this.#term !== undefined, "a renewal without a term");
      this.#term.writes.set(write.renewTime, write);
      return;
    }
    assert.ok(!this.#isAlive, `a ${write.what} with a tree that may live (S2, S5)`);
    this.#term = undefined;
  }

  #assertOrder(order: Order): void {
    assert.deepEqual(JSON.parse(JSON.stringify(order)), order);
    if (order.type !== "print") return;
    assert.doesNotMatch(order.line, harmful);
    assert.ok(order.line.length <= longestLine, `a line of ${order.line.length} characters`);
  }
}

function opened(seen: Seen, claim: Write): Term {
  const { uid, version } = seen;
  const writes = new Map([[claim.renewTime, claim]]);
  const killAts = new Set([claim.killAt]);
  return { token: version, mark: claim.mark, uid, base: version, writes, killAts };
}

function isShown(seen: Seen, { mark, renewTime }: Write): boolean {
  return seen.holder === identity && seen.mark === mark && seen.renewTime === renewTime;
}

function writeOf(body: string, killAt: number): Write {
  const { metadata, spec } = parse(body) as Record<"metadata" | "spec", Record<string, unknown>>;
  const annotations = metadata["annotations"] as Record<string, unknown>;
  const { acquireTime, renewTime, holderIdentity } = spec;
  const isHeld = holderIdentity === identity;
  const what = !isHeld ? "release" : acquireTime === renewTime ? "claim" : "renewal";
  return { what, mark: annotations["k8s-await-election/term"], renewTime, killAt };
}

function leaseIn(value: unknown): Seen | undefined {
  const { kind, metadata, spec } = membersOf(value);
  const { uid, resourceVersion, annotations } = membersOf(metadata);
  const { holderIdentity, renewTime } = membersOf(spec);
  if (kind !== "Lease" || typeof uid !== "string" || uid === "") return undefined;
  if (typeof resourceVersion !== "string" || !/^\d{1,40}$/.test(resourceVersion)) return undefined;
  const mark = membersOf(annotations)["k8s-await-election/term"];
  return { uid, version: BigInt(resourceVersion), holder: holderIdentity, mark, renewTime };
}

function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
