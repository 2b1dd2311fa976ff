/**
 * Go's run time as far as an elector needs it: goroutines, contexts, timers and the client of the
 * API server, on a simulated machine.
 *
 * A goroutine is a generator that stands still at each `yield`, so the elector reads as client-go
 * does. Timers follow CLOCK_MONOTONIC (golang/go#24595), which may leave out a suspend.
 */
import type { Order, Report } from "../../src/core/protocol.ts";
import type { World } from "./world.ts";

type RequestOrder = Extract<Order, { type: "request" }>;

/** The way to the API server: a `Link`, or what stands in for one. */
export interface Way {
  /** `by` is the elector's identity. */
  request(order: RequestOrder, tell: (report: Report) => void, by: string): void;
}

type Wait = (resume: (value: unknown) => void) => void;
export type Go<T> = Generator<Wait, T, unknown>;

export type Reply = Extract<Report, { type: "answered" | "unanswered" }>;
export type Call = Pick<RequestOrder, "method" | "path" | "body">;

/** Of net/http2 as Kubernetes sets it up: a ping after 30 s of silence, 15 s to answer it. */
const silenceMs = 30_000;
const pingMs = 15_000;
const dialMs = 30_000;
/** What client-go's REST layer does about a GET whose connection broke. */
const retries = 10;
const retryAfterMs = 1000;

/** A node: its clocks, and what stands still when it is frozen. */
export class GoMachine {
  readonly world: World;
  readonly #clockRate: number;
  readonly #wallOffsetMs: number;
  readonly #held: (() => void)[] = [];
  #isFrozen = false;
  #uncountedMs = 0;

  constructor(world: World, clockRate: number, wallOffsetMs: number) {
    this.world = world;
    this.#clockRate = clockRate;
    this.#wallOffsetMs = wallOffsetMs;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  get monotonicMs(): number {
    return this.#clockRate * (this.world.nowMs - this.#uncountedMs);
  }

  get wallMs(): number {
    return Date.UTC(2026, 0, 1) + this.#wallOffsetMs + this.world.nowMs;
  }

  /** Nothing runs for so long; the clock counts it after a SIGSTOP, and not after a suspend. */
  freeze(ms: number, isCounted: boolean, thawed: () => void): void {
    this.#isFrozen = true;
    this.world.after(ms, () => {
      this.#isFrozen = false;
      if (!isCounted) this.#uncountedMs += ms;
      thawed();
      for (const happen of this.#held.splice(0)) this.receive(happen);
    });
  }

  /** Happens now, or once the machine runs again. */
  receive(happen: () => void): void {
    if (this.#isFrozen) this.#held.push(happen);
    else happen();
  }

  /** Returns the way to stop the timer. */
  after(ms: number, happen: () => void): () => void {
    const dueMs = this.monotonicMs + ms;
    let isStopped = false;
    const due = () => {
      const leftMs = dueMs - this.monotonicMs;
      if (isStopped) return;
      // Less is rounding, and not a suspend.
      if (leftMs > 0.001) return plan(leftMs);
      happen();
    };
    const plan = (leftMs: number) =>
      this.world.after(leftMs / this.#clockRate, () => this.receive(due));
    plan(ms);
    return () => {
      isStopped = true;
    };
  }
}

export class Context {
  readonly #ends = new Set<() => void>();
  readonly #leaveParent: () => void;
  #isDone = false;

  constructor(parent?: Context) {
    this.#leaveParent = parent?.onDone(() => this.cancel()) ?? (() => {});
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Returns the way to be told no more. */
  onDone(end: () => void): () => void {
    if (this.#isDone) end();
    else this.#ends.add(end);
    return () => this.#ends.delete(end);
  }

  cancel(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#leaveParent();
    for (const end of this.#ends) end();
    this.#ends.clear();
  }
}

/** One life of the container: what was planned in it never reaches a later one. */
export class GoProcess {
  readonly machine: GoMachine;
  readonly #way: Way;
  readonly #name: string;
  readonly #clientTimeoutMs: number;
  #isDead = false;
  #calls = 0;
  /** When the open connection last brought something; none is open without it. */
  #heardMs: number | undefined;

  constructor(machine: GoMachine, way: Way, name: string, clientTimeoutMs: number = Infinity) {
    this.machine = machine;
    this.#way = way;
    this.#name = name;
    this.#clientTimeoutMs = clientTimeoutMs;
  }

  die(): void {
    this.#isDead = true;
  }

  go(routine: Go<void>): void {
    const run = (value: unknown): void => {
      if (this.#isDead) return;
      const next = routine.next(value);
      if (next.done === true) return;
      let isWaiting = true;
      next.value((result) => {
        if (!isWaiting) return;
        isWaiting = false;
        run(result);
      });
    };
    run(undefined);
  }

  withTimeout(parent: Context, ms: number): Context {
    const context = new Context(parent);
    context.onDone(this.#after(ms, () => context.cancel()));
    return context;
  }

  /** Sleeps so long, or until the context is done. */
  *sleep(context: Context, ms: number): Go<void> {
    yield* wait<void>((resume) => {
      const end = () => {
        stop();
        leave();
        resume();
      };
      const stop = this.#after(ms, end);
      const leave = context.onDone(() => this.#after(0, end));
    });
  }

  /** A request as client-go's REST layer makes it: only a GET on a broken connection is repeated. */
  *call(context: Context, call: Call): Go<Reply> {
    for (let count = 0; ; count += 1) {
      const reply = yield* this.#exchange(context, call);
      const isBroken = reply.type === "unanswered" && /reset|EOF|lost/.test(reply.error);
      if (!isBroken || call.method !== "GET" || count === retries) return reply;
      yield* this.sleep(context, retryAfterMs);
    }
  }

  *#exchange(context: Context, call: Call): Go<Reply> {
    this.#calls += 1;
    const id = `go-${this.#calls}`;
    if (context.isDone) return { type: "unanswered", id, error: "context is done" };
    const [lostMs, lost] = this.#patience();
    const timeoutMs = Math.min(lostMs, this.#clientTimeoutMs);
    return yield* wait<Reply>((resume) => {
      const end = (reply: Reply) => {
        stop();
        leave();
        resume(reply);
      };
      const fail = (error: string) => end({ type: "unanswered", id, error });
      const stop = this.#after(timeoutMs, () => {
        if (timeoutMs < lostMs) return fail("client timeout");
        this.#heardMs = undefined;
        fail(lost);
      });
      const leave = context.onDone(() => fail("context is done"));
      const hear = (report: Report) => {
        if (report.type !== "answered" && report.type !== "unanswered") return;
        this.#heardMs = report.type === "answered" ? this.machine.monotonicMs : undefined;
        end(report);
      };
      const order = { type: "request", id, timeoutMs, ...call } as const;
      this.#way.request(order, (report) => this.machine.receive(() => hear(report)), this.#name);
    });
  }

  /** How long a silent connection is kept, or a new one waited for, and what is said then. */
  #patience(): [ms: number, error: string] {
    if (this.#heardMs === undefined) return [dialMs, "dial: i/o timeout"];
    const leftMs = this.#heardMs + silenceMs + pingMs - this.machine.monotonicMs;
    return [Math.max(pingMs, leftMs), "http2: client connection lost"];
  }

  #after(ms: number, happen: () => void): () => void {
    return this.machine.after(ms, () => {
      if (!this.#isDead) happen();
    });
  }
}

function* wait<T>(start: (resume: (value: T) => void) => void): Go<T> {
  return (yield start) as T;
}
