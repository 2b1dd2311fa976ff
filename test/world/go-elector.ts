/**
 * client-go's elector over a Lease, with its faults (contract §1.2–1.6): the peer and the yardstick
 * of the simulation.
 *
 * The functions are those of `tools/leaderelection` and `resourcelock` v0.36, line by line where it
 * matters. Faults kept on purpose: the deadline counts from the answer, the release comes before
 * the work is told, whoever reads another holder goes on until R, an empty holder or a missing Lease
 * is taken silently by the leader, and change is seen in whole seconds.
 *
 * Left out: coordinated election, labels, events, the client's rate limit (5 a second, which this
 * never reaches alone), repetition on 429 and 5xx, and the slow path of electors before v0.30.
 */
import { asObject, type JsonObject, parseJson } from "../../src/core/json.ts";
import { type Call, Context, type Go, type GoProcess, type Reply } from "./go-elector-process.ts";

export interface ElectorOptions {
  readonly identity: string;
  /** Of the Lease, in the namespace `default`. */
  readonly lock: string;
  readonly leaseMs: number;
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
  /**
   * What happens to the Lease at the end of the term: nothing; a PUT of the cached object, however
   * long it takes; or GET, a look at the *old* record, and PUT over whatever was read.
   */
  readonly release: "none" | "v0.30" | "v0.34";
}

/** `LeaderElectionRecord`: the part of the Lease that electors write. */
interface ElectionRecord {
  readonly holder: string;
  readonly durationSeconds: number;
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly transitions: number;
}

const jitterFactor = 1.2;
const nobody: ElectionRecord = {
  holder: "",
  durationSeconds: 0,
  acquireTime: "",
  renewTime: "",
  transitions: 0,
};

export class GoElector {
  readonly #process: GoProcess;
  readonly #options: ElectorOptions;
  readonly #lock: LeaseLock;
  readonly #startLeading: (leading: Context) => void;
  #observed = nobody;
  /** Set after a GET only, so that the leader's own writes look like news to it. */
  #observedRaw = "";
  #observedMs = -Infinity;

  /** `startLeading` begins the work, which should end with the context it is given. */
  constructor(
    process: GoProcess,
    options: ElectorOptions,
    startLeading: (leading: Context) => void,
  ) {
    this.#process = process;
    this.#options = options;
    this.#lock = new LeaseLock(process, options.lock);
    this.#startLeading = startLeading;
  }

  *run(parent: Context): Go<void> {
    if (!(yield* this.#acquire(parent))) return;
    const leading = new Context(parent);
    this.#startLeading(leading);
    yield* this.#renew(leading);
    // The deferred cancel: only now, after the release, the work learns of the end (DL1).
    leading.cancel();
  }

  /** No attempt has a deadline here (DL4). */
  *#acquire(context: Context): Go<boolean> {
    const { retryMs } = this.#options;
    while (!context.isDone) {
      if (yield* this.#tryAcquireOrRenew(context)) return true;
      const jitter = jitterFactor * this.#process.machine.world.between(0, 1);
      yield* this.#process.sleep(context, retryMs * (1 + jitter));
    }
    return false;
  }

  *#renew(context: Context): Go<void> {
    while (!context.isDone) {
      if (!(yield* this.#poll(context))) break;
      yield* this.#process.sleep(context, this.#options.retryMs);
    }
    switch (this.#options.release) {
      case "none":
        return;
      case "v0.30":
        return yield* this.#releaseCached();
      case "v0.34":
        return yield* this.#releaseFresh();
    }
  }

  /** Attempts on a ticker until one succeeds: false once R has passed (DL3). */
  *#poll(parent: Context): Go<boolean> {
    const { renewDeadlineMs, retryMs } = this.#options;
    const startMs = this.#nowMs;
    const context = this.#process.withTimeout(parent, renewDeadlineMs);
    for (let tick = 0; !context.isDone; ) {
      if (yield* this.#tryAcquireOrRenew(context)) {
        context.cancel();
        return true;
      }
      // A ticker keeps one tick that came during the attempt, and drops the others.
      const ticks = Math.floor((this.#nowMs - startMs) / retryMs);
      if (ticks > tick) {
        tick = ticks;
      } else {
        tick += 1;
        yield* this.#process.sleep(context, startMs + tick * retryMs - this.#nowMs);
      }
    }
    return false;
  }

  /** True if the Lease is ours now. */
  *#tryAcquireOrRenew(context: Context): Go<boolean> {
    const nowMs = this.#nowMs;
    const fresh = this.#recordOf(this.#options.identity, this.#options.leaseMs, 0);
    if (this.#isLeader() && this.#isLeaseValid(nowMs)) {
      const { acquireTime, transitions } = this.#observed;
      const record = { ...fresh, acquireTime, transitions };
      if (yield* this.#lock.update(context, record)) return this.#observe(record);
    }
    const got = yield* this.#lock.get(context);
    if (got === "missing") {
      return (yield* this.#lock.create(context, fresh)) && this.#observe(fresh);
    }
    if (got === undefined) return false;
    const raw = rawOf(got);
    if (raw !== this.#observedRaw) {
      this.#observe(got);
      this.#observedRaw = raw;
    }
    if (got.holder !== "" && this.#isLeaseValid(nowMs) && !this.#isLeader()) return false;
    const record: ElectionRecord = this.#isLeader()
      ? { ...fresh, acquireTime: got.acquireTime, transitions: got.transitions }
      : { ...fresh, transitions: got.transitions + 1 };
    return (yield* this.#lock.update(context, record)) && this.#observe(record);
  }

  /** Up to v0.30: a stale version is refused, and nobody waits for less than the connection does. */
  *#releaseCached(): Go<void> {
    if (!this.#isLeader()) return;
    const record = this.#recordOf("", 1000, this.#observed.transitions);
    if (yield* this.#lock.update(new Context(), record)) this.#observe(record);
  }

  /** From v0.34 on: what was read is not looked at, so another's Lease is emptied (DL2). */
  *#releaseFresh(): Go<void> {
    const context = this.#process.withTimeout(new Context(), this.#options.renewDeadlineMs);
    const got = yield* this.#lock.get(context);
    if (got === undefined || got === "missing" || !this.#isLeader()) return;
    const record = this.#recordOf("", 1000, got.transitions);
    if (yield* this.#lock.update(context, record)) this.#observe(record);
  }

  #isLeader(): boolean {
    return this.#observed.holder === this.#options.identity;
  }

  #isLeaseValid(nowMs: number): boolean {
    return this.#observedMs + this.#observed.durationSeconds * 1000 > nowMs;
  }

  #observe(record: ElectionRecord): true {
    this.#observed = record;
    this.#observedMs = this.#nowMs;
    return true;
  }

  #recordOf(holder: string, durationMs: number, transitions: number): ElectionRecord {
    const time = new Date(this.#process.machine.wallMs).toISOString().replace("Z", "000Z");
    const durationSeconds = Math.trunc(durationMs / 1000);
    return { holder, durationSeconds, acquireTime: time, renewTime: time, transitions };
  }

  get #nowMs(): number {
    return this.#process.machine.monotonicMs;
  }
}

/** Keeps the last Lease read or written, and replaces its whole spec. */
class LeaseLock {
  readonly #process: GoProcess;
  readonly #name: string;
  readonly #folder = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
  #lease: JsonObject | undefined;

  constructor(process: GoProcess, name: string) {
    this.#process = process;
    this.#name = name;
  }

  *get(context: Context): Go<ElectionRecord | "missing" | undefined> {
    const reply = yield* this.#call(context, { method: "GET", path: this.#path });
    if (reply.type === "answered" && reply.status === 404) return "missing";
    return this.#keep(reply) ? recordIn(this.#lease) : undefined;
  }

  *create(context: Context, record: ElectionRecord): Go<boolean> {
    const metadata = { name: this.#name, namespace: "default" };
    const lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata,
      spec: specOf(record),
    };
    const body = JSON.stringify(lease);
    const reply = yield* this.#call(context, { method: "POST", path: this.#folder, body });
    // A failed Create leaves an empty object behind, which no Update can send.
    this.#lease = undefined;
    return this.#keep(reply);
  }

  *update(context: Context, record: ElectionRecord): Go<boolean> {
    if (this.#lease === undefined) return false;
    const body = JSON.stringify({ ...this.#lease, spec: specOf(record) });
    return this.#keep(yield* this.#call(context, { method: "PUT", path: this.#path, body }));
  }

  #call(context: Context, call: Call): Go<Reply> {
    return this.#process.call(context, call);
  }

  #keep(reply: Reply): boolean {
    if (reply.type !== "answered" || !(reply.status < 300)) return false;
    this.#lease = asObject(parseJson(reply.body));
    return true;
  }

  get #path(): string {
    return `${this.#folder}/${this.#name}`;
  }
}

function recordIn(lease: JsonObject | undefined): ElectionRecord {
  const spec = asObject(lease?.["spec"]) ?? {};
  const textOf = (member: string) => (spec[member] as string | undefined) ?? "";
  const countOf = (member: string) => (spec[member] as number | undefined) ?? 0;
  return {
    holder: textOf("holderIdentity"),
    durationSeconds: countOf("leaseDurationSeconds"),
    acquireTime: textOf("acquireTime"),
    renewTime: textOf("renewTime"),
    transitions: countOf("leaseTransitions"),
  };
}

function specOf(record: ElectionRecord): JsonObject {
  return {
    holderIdentity: record.holder,
    leaseDurationSeconds: record.durationSeconds,
    acquireTime: record.acquireTime || undefined,
    renewTime: record.renewTime || undefined,
    leaseTransitions: record.transitions,
  };
}

/** What change is seen by: `metav1.Time` is written in whole seconds (DL11), versions not at all. */
function rawOf({ acquireTime, renewTime, ...others }: ElectionRecord): string {
  return JSON.stringify([others, inSeconds(acquireTime), inSeconds(renewTime)]);
}

function inSeconds(time: string): string {
  return time.slice(0, "2026-01-01T00:00:00".length);
}
