/**
 * A host that is led by arbitrary numbers: each picks what happens next from what may happen now, so
 * that random sequences reach every phase; some picks are late, foreign or garbage on purpose.
 */
import { begin, type Program, step, wakeAt } from "../../src/core/program.ts";
import {
  type Facts,
  type Instant,
  instant,
  type Now,
  type Order,
  type Report,
} from "../../src/core/protocol.ts";
import { leaseText, timeText } from "./leases.ts";

type Request = Extract<Order, { type: "request" }>;
type Probe = Extract<Order, { type: "probe" }>;
type Pick = (choices: number) => number;

export interface Moment {
  readonly before: Program;
  readonly report: Report;
  readonly now: Now;
}

const startWallMs = Date.UTC(2026, 0, 1);
const times = [0, 1, 20, 500, 1000, 2000, 3000, 5000, 20_000];
const mark = `other/pod-2/${timeText(1)}`;
const record = { holder: "b", acquireTime: timeText(1), renewTime: timeText(1), version: "50" };

/** Objects that others may have left at the server, and what is none. */
const bodies: readonly string[] = [
  leaseText(record),
  leaseText({ ...record, term: mark, version: "51" }),
  leaseText({ ...record, holder: "a", version: "3" }),
  leaseText({ version: "52" }),
  leaseText({ renewTime: timeText(2), version: "53" }),
  leaseText({ renewTime: timeText(2), released: `${mark}/${timeText(2)}`, version: "54" }),
  leaseText({ version: "55", spec: { strategy: "x", preferredHolder: "c" } }),
  leaseText({ ...record, uid: "uid-2", version: "56" }),
  leaseText({ ...record, version: "57", metadata: { deletionTimestamp: "now" } }),
  leaseText({ ...record, version: "58", spec: { leaseDurationSeconds: -1 } }),
  '{"kind":"Endpoints","metadata":{"resourceVersion":"9","annotations":{"a":"b"}},"subsets":[]}',
  '{"kind":"Status","message":"no \\u202e"}',
  "",
  "<html>",
  "[[[",
  "null",
];

const statuses = [200, 201, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 302, 100, 0];

/** One process: its program, and what its orders have left open. */
export class Puppet {
  program: Program;
  orders: readonly Order[];
  #ms = 0;
  #wallMs = startWallMs;
  #version = 7;
  /** The last write that the server took. */
  #stored: string | undefined;
  readonly #requests = new Map<string, Request>();
  readonly #watches = new Set<string>();
  #probe: Probe | undefined;
  readonly #retired: string[] = ["lease-1", "route-1", "watch-1"];
  #guardAt: Instant | undefined;
  #isAlive = false;
  #isKilling = false;
  #asked = 0;

  constructor(facts: Facts) {
    const [program, ...orders] = begin(facts, this.#now());
    this.program = program;
    this.orders = orders;
    this.#carryOut(orders);
  }

  /** Lets one thing happen, and carries out what the program wants then. */
  move(pick: Pick): Moment {
    return this.#take(this.#next(pick));
  }

  /** From here on the world is kind: each order is carried out, each request answered well. */
  calm(report: Report = this.#kindly()): Moment {
    return this.#take(report);
  }

  #take(report: Report): Moment {
    const before = this.program;
    const now = this.#now();
    const [program, ...orders] = step(before, report, now);
    this.program = program;
    this.orders = orders;
    this.#carryOut(orders);
    return { before, report, now };
  }

  #kindly(): Report {
    const [request] = [...this.#requests.values()].slice(-1);
    if (request !== undefined) return this.#answer(request, kindest);
    const at = this.#guardAt;
    this.#guardAt = undefined;
    if (at !== undefined) return { type: "guardReady", at };
    if (this.#isKilling) return this.#emptied(kindest);
    return this.#isAlive ? this.#exit(kindest) : this.#tick();
  }

  #next(pick: Pick): Report {
    const events: (() => Report)[] = [
      () => this.#tick(),
      () => this.#late(pick),
      () => this.#stray(pick),
      () => ({ type: "asked", id: `ask-${++this.#asked}`, method: "GET", path: "/" }),
    ];
    const [request] = [...this.#requests.values()].slice(-1);
    if (request !== undefined) {
      events.push(...Array.from({ length: 6 }, () => () => this.#answer(request, pick)));
    }
    const probe = this.#probe;
    if (probe !== undefined) events.push(() => this.#probed(probe, pick));
    const [watch] = this.#watches;
    if (watch !== undefined) events.push(() => this.#watched(watch, pick));
    const at = this.#guardAt;
    if (at !== undefined) {
      events.push(...Array.from({ length: 3 }, () => () => ({ type: "guardReady", at }) as const));
    }
    if (this.#isAlive)
      events.push(
        () => ({ type: "started", pid: 7 }),
        () => this.#exit(pick),
      );
    if (this.#isKilling) events.push(() => this.#emptied(pick));
    return events[pick(events.length)]!();
  }

  /** On time, or after a pause of the whole process. */
  #tick(): Report {
    const at = wakeAt(this.program);
    this.#pass(Math.max(0, (at ?? this.#ms) - this.#ms));
    return { type: "tick" };
  }

  /** Time that nobody asked for, forwards only; the wall clock does as it likes. */
  #late(pick: Pick): Report {
    this.#pass(times[pick(times.length)]!);
    this.#wallMs += [0, 1000, -3_600_000, 1e12][pick(4)]!;
    return { type: "tick" };
  }

  /** What comes from outside, or too late, or is nobody's. */
  #stray(pick: Pick): Report {
    const id = this.#retired[pick(this.#retired.length)]!;
    const body = bodies[pick(bodies.length)]!;
    const strays: readonly Report[] = [
      { type: "signalled", signal: ["SIGTERM", "SIGHUP", "SIGRTMIN+3"][pick(3)]! },
      { type: "answered", id, status: statuses[pick(statuses.length)]!, body },
      { type: "unanswered", id, error: "late" },
      { type: "opened", id },
      { type: "line", id, text: body },
      { type: "ended", id },
      { type: "probed", id: "probe-1", ok: true, detail: "late" },
      { type: "guardReady", at: instant(pick(20_000)) },
      { type: "guardFired" },
      { type: "guardLost", message: "gone" },
      { type: "startFailed", errno: ["ENOENT", "EAGAIN"][pick(2)]!, message: "no" },
      { type: "remaining", pids: [1, 2], stuck: [2] },
      { type: "listening" },
      { type: "listenFailed", message: "in use" },
      { type: "becomeFailed", errno: "ENOENT", message: "no" },
      { type: "emptied" },
      { type: "started", pid: 9 },
      { type: "exited", signal: "SIGKILL" },
    ];
    return strays[pick(strays.length)]!;
  }

  #answer(request: Request, pick: Pick): Report {
    const { id } = request;
    this.#requests.delete(id);
    this.#retired.push(id);
    this.#pass(times[pick(4)]!);
    const body = bodies[pick(bodies.length)]!;
    const choice = pick(10);
    if (choice === 0) return { type: "unanswered", id, error: "timeout" };
    if (choice === 1) {
      const status = statuses[pick(statuses.length)]!;
      return { type: "answered", id, status, retryAfterMs: pick(40_000) - 5000, body };
    }
    if (choice === 2) return { type: "answered", id, status: 200, body };
    if (request.body !== undefined)
      return { type: "answered", id, status: 200, body: this.#store(request.body) };
    return this.#stored === undefined || id.startsWith("route")
      ? { type: "answered", id, status: 404, body: "" }
      : { type: "answered", id, status: 200, body: this.#stored };
  }

  #watched(id: string, pick: Pick): Report {
    const object = [this.#stored ?? "null", bodies[pick(bodies.length)]!][pick(2)]!;
    const type = ["MODIFIED", "DELETED", "BOOKMARK", "ERROR"][pick(4)]!;
    const choice = pick(5);
    if (choice === 0) return { type: "opened", id };
    if (choice > 1) return { type: "line", id, text: `{"type":"${type}","object":${object}}` };
    this.#watches.delete(id);
    this.#retired.push(id);
    return { type: "ended", id };
  }

  #probed({ id }: Probe, pick: Pick): Report {
    this.#probe = undefined;
    return { type: "probed", id, ok: pick(2) === 0, detail: "HTTP" };
  }

  #exit(pick: Pick): Report {
    this.#isAlive = false;
    return pick(2) === 0
      ? { type: "exited", code: pick(256) }
      : { type: "exited", signal: "SIGSEGV" };
  }

  #emptied(pick: Pick): Report {
    if (pick(3) === 0) return { type: "remaining", pids: [pick(99)], stuck: [] };
    this.#isKilling = false;
    this.#isAlive = false;
    return { type: "emptied" };
  }

  #store(body: string): string {
    const object = JSON.parse(body) as { kind: string; metadata: Record<string, unknown> };
    this.#version += 1;
    const metadata = { uid: "uid-1", ...object.metadata, resourceVersion: String(this.#version) };
    const stored = JSON.stringify({ ...object, metadata });
    if (object.kind === "Lease") this.#stored = stored;
    return stored;
  }

  #carryOut(orders: readonly Order[]): void {
    for (const order of orders) {
      if (order.type === "request") this.#requests.set(order.id, order);
      if (order.type === "watch") this.#watches.add(order.id);
      if (order.type === "probe") this.#probe = order;
      if (order.type === "guard") this.#guardAt = order.at;
      if (order.type === "start") this.#isAlive = true;
      if (order.type === "kill") this.#isKilling = true;
      if (order.type === "abandon") {
        this.#requests.delete(order.id);
        this.#watches.delete(order.id);
        if (this.#probe?.id === order.id) this.#probe = undefined;
        this.#retired.push(order.id);
      }
    }
  }

  #pass(ms: number): void {
    this.#ms += ms;
    this.#wallMs += ms;
  }

  #now(): Now {
    return { instant: instant(this.#ms), wallMs: this.#wallMs };
  }
}

function kindest(choices: number): number {
  return choices - 1;
}
