/**
 * A host that keeps the protocol's rules before a world that keeps none: everything that can be
 * answered is answered well, wrongly, late or not at all, and the judge looks on.
 */
import { begin, type Program, step, wakeAt } from "../../src/core/program.ts";
import { type Facts, instant, type Now, type Order, type Report } from "../../src/core/protocol.ts";
import { oneOf, patience, type Pick, spoilt, statuses } from "./hostile-texts.ts";
import { leaseText, timeText } from "./leases.ts";

type Request = Extract<Order, { type: "request" }>;

export interface Scene {
  readonly report: Report;
  readonly now: Now;
  readonly orders: readonly Order[];
  readonly program: Program;
}

export interface Temper {
  /** Nothing happens that ends the program, so that a life can be of any length. */
  readonly isEndless?: boolean;
  /** The clock may go backwards, which a host would not let pass (C6). */
  readonly isUnsteady?: boolean;
}

const pauses = [0, 1, 5, 50, 500, 1500, 3000, 12_000, 60_000, 86_400_000, 2 ** 31];
const foreign = leaseText({
  holder: "b",
  version: "20",
  acquireTime: timeText(1),
  renewTime: timeText(9),
});
const endpoints =
  '{"kind":"EndpointSlice","metadata":{"uid":"u","resourceVersion":"9","annotations":{"a":"b"}}}';

export class HostileWorld {
  program: Program;
  orders: readonly Order[];
  ms = 1e6;
  #wallMs = Date.UTC(2026, 0, 1);
  readonly #pick: Pick;
  readonly #temper: Temper;
  readonly #requests = new Map<string, Request>();
  #watch: { readonly id: string; readonly isOpen: boolean } | undefined;
  readonly #routeStreams = new Set<string>();
  #guardAt: number | undefined;
  #command: "none" | "starting" | "alive" | "dead" = "none";
  #isKilling = false;
  #stored: string | undefined;
  #version = 100;
  #asked = 0;

  constructor(facts: Facts, pick: Pick, temper: Temper = {}) {
    this.#pick = pick;
    this.#temper = temper;
    const [program, ...orders] = begin(facts, this.#now());
    this.program = program;
    this.orders = orders;
    this.#carryOut(orders);
  }

  /** The first scene: what was ordered at the very beginning. */
  get opening(): Scene {
    return this.#scene({ type: "tick" });
  }

  /** One thing happens. */
  move(): Scene {
    return this.take(this.#next());
  }

  /** Time passes until the program asks for a tick. */
  tick(): Scene {
    this.#pass(Math.max(0, (wakeAt(this.program) ?? this.ms) - this.ms));
    return this.take({ type: "tick" });
  }

  take(report: Report): Scene {
    const now = this.#now();
    const [program, ...orders] = step(this.program, report, now);
    this.program = program;
    this.orders = orders;
    this.#carryOut(orders);
    return { report, now, orders, program };
  }

  #scene(report: Report): Scene {
    return { report, now: this.#now(), orders: this.orders, program: this.program };
  }

  #next(): Report {
    const events: (() => Report)[] = [() => this.#tick(), () => this.#tick(), () => this.#pause()];
    for (const request of this.#requests.values()) {
      events.push(...Array.from({ length: 5 }, () => () => this.#answer(request)));
    }
    const watch = this.#watch;
    if (watch !== undefined) events.push(() => this.#watched(watch.id, watch.isOpen));
    for (const id of this.#routeStreams) events.push(() => this.#overheard(id));
    const at = this.#guardAt;
    if (at !== undefined) {
      events.push(...Array.from({ length: 4 }, () => () => this.#confirmGuard(at)));
    }
    if (this.#command === "starting") events.push(() => this.#started());
    if (this.#command === "alive" && this.#temper.isEndless !== true)
      events.push(() => this.#exit());
    if (this.#isKilling)
      events.push(
        () => this.#killed(),
        () => this.#killed(),
      );
    if (this.#pick(20) === 0) return this.#outside();
    return oneOf(this.#pick, events)();
  }

  #tick(): Report {
    const at = wakeAt(this.program) ?? this.ms;
    this.#pass(Math.max(0, at - this.ms) + oneOf(this.#pick, [0, 0, 1, 400]));
    return { type: "tick" };
  }

  #pause(): Report {
    const ms = oneOf(this.#pick, pauses);
    this.#pass(
      this.#temper.isUnsteady === true && this.#pick(2) === 0 ? -Math.min(ms, 60_000) : ms,
    );
    this.#wallMs += oneOf(this.#pick, [0, 1000, -3_600_000, 1e13, -1e14]);
    return { type: "tick" };
  }

  #outside(): Report {
    this.#asked += 1;
    const id = `asked-${this.#asked}`;
    const path = oneOf(this.#pick, ["/", "//\u0000", `/${"x".repeat(3000)}`]);
    const events: readonly Report[] = [
      { type: "asked", id, method: oneOf(this.#pick, ["GET", "X\u202e"]), path },
      { type: "listening" },
      { type: "listenFailed", message: "EADDRINUSE" },
      { type: "signalled", signal: oneOf(this.#pick, ["SIGHUP", "SIGWINCH", "SIGRTMIN+3", "?"]) },
    ];
    const isLast = this.#temper.isEndless !== true && this.#pick(15) === 0;
    return isLast ? { type: "signalled", signal: "SIGTERM" } : oneOf(this.#pick, events);
  }

  #answer(request: Request): Report {
    const { id } = request;
    this.#requests.delete(id);
    this.#pass(oneOf(this.#pick, [0, 3, 40, 900, 2900]));
    const mood = this.#pick(20);
    // A write may be applied, whatever is said about it.
    const answer = mood === 0 ? "" : this.#apply(request);
    if (mood <= 1) return { type: "unanswered", id, error: this.#error() };
    if (mood <= 3) {
      const retryAfterMs = oneOf(this.#pick, patience);
      const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
      const body = this.#spoil(answer);
      return { type: "answered", id, status: this.#status(), ...retry, body };
    }
    if (mood <= 6) {
      const body = this.#spoil(answer === "" ? foreign : answer);
      return { type: "answered", id, status: oneOf(this.#pick, [200, 201]), body };
    }
    if (mood === 8 && this.#pick(2) === 0) {
      this.#stored = undefined;
      return { type: "answered", id, status: 404, body: "" };
    }
    if (mood === 7) this.#stored = this.#spoil(foreign);
    return { type: "answered", id, status: answer === "" ? 404 : 200, body: answer };
  }

  #status(): number {
    const all = this.#temper.isEndless === true ? statuses : [...statuses, 400, 422];
    return oneOf(this.#pick, all);
  }

  /** A version that no later one exceeds ends all claiming (S10), and so would end an endless life. */
  #spoil(text: string): string {
    const told = spoilt(text, this.#pick);
    return this.#temper.isEndless === true ? told.replaceAll(/9{39}/g, `${this.#version}`) : told;
  }

  /** What a server in its right mind would do and answer; nothing where there is nothing. */
  #apply({ id, body }: Request): string {
    if (id.startsWith("route")) return body ?? endpoints;
    if (id.startsWith("event")) return body ?? "";
    if (id.startsWith("can")) return '{"status":{"allowed":true}}';
    if (body === undefined) return this.#stored ?? "";
    this.#version += 1 + this.#pick(3);
    const object = JSON.parse(body) as { metadata: object };
    const metadata = { uid: "uid-1", ...object.metadata, resourceVersion: String(this.#version) };
    this.#stored = JSON.stringify({ ...object, metadata });
    return this.#stored;
  }

  #watched(id: string, isOpen: boolean): Report {
    if (!isOpen) {
      this.#watch = this.#pick(4) === 0 ? undefined : { id, isOpen: true };
      if (this.#watch !== undefined) return { type: "opened", id };
      return this.#pick(2) === 0
        ? { type: "unanswered", id, error: this.#error() }
        : { type: "answered", id, status: this.#status(), body: this.#spoil(foreign) };
    }
    const choice = this.#pick(8);
    if (choice === 0) {
      this.#watch = undefined;
      return this.#pick(2) === 0 ? { type: "ended", id } : { type: "ended", id, error: "cut" };
    }
    if (choice === 1) return { type: "line", id, text: this.#spoil(foreign) };
    const type = oneOf(this.#pick, [
      "ADDED",
      "MODIFIED",
      "DELETED",
      "BOOKMARK",
      "ERROR",
      "X",
      "\\n",
    ]);
    const object = oneOf(this.#pick, [this.#stored ?? foreign, foreign]);
    const told = this.#pick(2) === 0 ? object : this.#spoil(object);
    return { type: "line", id, text: `{"type":"${type}","object":${told === "" ? "1" : told}}` };
  }

  #overheard(id: string): Report {
    const choice = this.#pick(8);
    if (choice > 2) {
      const type = oneOf(this.#pick, ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "X"]);
      const object = this.#pick(2) === 0 ? endpoints : spoilt(endpoints, this.#pick);
      return { type: "line", id, text: `{"type":"${type}","object":${object || "1"}}` };
    }
    if (choice === 0) return { type: "opened", id };
    this.#routeStreams.delete(id);
    return choice === 1
      ? { type: "ended", id }
      : { type: "answered", id, status: this.#status(), body: "" };
  }

  #error(): string {
    const errors = ["timeout", "", "a: b: c", "x".repeat(300), "\u202e\n\u0000"];
    return this.#pick(2) === 0
      ? `ECONNREFUSED 10.0.${this.#pick(250)}.1:443`
      : oneOf(this.#pick, errors);
  }

  #confirmGuard(at: number): Report {
    this.#guardAt = undefined;
    return { type: "guardReady", at: instant(at) };
  }

  #started(): Report {
    const fails = this.#temper.isEndless !== true && this.#pick(6) === 0;
    this.#command = fails ? "none" : "alive";
    const errno = oneOf(this.#pick, ["ENOENT", "EAGAIN"]);
    return fails ? { type: "startFailed", errno, message: "no" } : { type: "started", pid: 7 };
  }

  #exit(): Report {
    this.#command = "dead";
    return this.#pick(2) === 0
      ? { type: "exited", code: 3 }
      : { type: "exited", signal: "SIGSEGV" };
  }

  #killed(): Report {
    if (this.#command === "starting") return this.#started();
    if (this.#command === "alive") return this.#exit();
    if (this.#pick(3) === 0) return { type: "remaining", pids: Array(500).fill(7), stuck: [7] };
    this.#isKilling = false;
    this.#command = "none";
    return { type: "emptied" };
  }

  #carryOut(orders: readonly Order[]): void {
    for (const order of orders) {
      if (order.type === "request") this.#requests.set(order.id, order);
      if (order.type === "watch") this.#listen(order.id);
      if (order.type === "guard") this.#guardAt = order.at;
      if (order.type === "start") this.#command = "starting";
      if (order.type === "kill") this.#isKilling = true;
      if (order.type === "abandon") {
        this.#requests.delete(order.id);
        this.#routeStreams.delete(order.id);
        if (this.#watch?.id === order.id) this.#watch = undefined;
      }
    }
  }

  #listen(id: string): void {
    if (id.startsWith("route")) this.#routeStreams.add(id);
    else this.#watch = { id, isOpen: false };
  }

  #pass(ms: number): void {
    this.ms = Math.max(0, this.ms + ms);
    this.#wallMs += ms;
  }

  #now(): Now {
    return { instant: instant(this.ms), wallMs: this.#wallMs };
  }
}
