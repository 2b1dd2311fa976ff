/** One process under test: its way to the server can be cut, and it can be killed or suspended. */
import type { Order, Report } from "../core/protocol.ts";
import type { Answer } from "../api-server/replies.ts";
import type { ApiStore } from "../api-server/store.ts";
import type { Stream } from "../api-server/watch.ts";
import type { Guard, Host, Link, Time } from "../library/host.ts";
import type { VirtualTime } from "./virtual-time.ts";

type Request = Extract<Order, { type: "request" }>;
type Watch = Extract<Order, { type: "watch" }>;

/** What is between a replica and the server. */
type Way = "open" | "cut" | "refused";

/** Each way of an exchange takes so long. */
const delayMs = 1;

/**
 * Carries electors as a process does: give it as their `host`. Several electors may have one replica, as
 * they may have one process.
 */
export class TestReplica implements Host {
  /** @internal */
  readonly time: Time;
  /** What was said when a function outlived its term and the process would have ended. */
  exited: string | undefined;
  readonly #store: ApiStore;
  readonly #world: VirtualTime;
  readonly #links = new Set<TestLink>();
  /** What became due while the machine was suspended. */
  #late: (() => void)[] = [];
  #suspensions = 0;
  #way: Way = "open";

  /** @internal */
  constructor(store: ApiStore, world: VirtualTime) {
    this.#store = store;
    this.#world = world;
    this.time = {
      now: () => world.now(),
      after: (ms, happen) => world.after(ms, () => this.#whenAwake(happen)),
    };
  }

  /** A black hole both ways: nothing arrives, and nobody is told. */
  cut(): void {
    this.#way = "cut";
  }

  /** The server refuses connections, and those that were open break. */
  refuse(): void {
    this.#way = "refused";
    for (const link of this.#links) link.breakOff();
  }

  /** The server can be reached again. */
  heal(): void {
    this.#way = "open";
  }

  /** Nothing happens in this process for so long, while its clock goes on. */
  suspend(ms: number): void {
    this.#suspensions += 1;
    this.#world.after(ms, () => {
      this.#suspensions -= 1;
      if (this.#suspensions > 0) return;
      const late = this.#late;
      this.#late = [];
      for (const happen of late) happen();
    });
  }

  /** @internal */
  check(): Promise<void> {
    return Promise.resolve();
  }

  /** @internal */
  openLink(report: (report: Report) => void): Link {
    const around = { store: this.#store, time: this.time, way: () => this.#way };
    const link = new TestLink(around, report, () => this.#links.delete(link));
    this.#links.add(link);
    return link;
  }

  /**
   * The loop of a process under test is never blocked: it sees to the deadline itself.
   *
   * @internal
   */
  createGuard(): Guard {
    return { arm() {}, disarm() {} };
  }

  /** @internal */
  exit(message: string): void {
    this.exited ??= message;
  }

  #whenAwake(happen: () => void): void {
    if (this.#suspensions > 0) this.#late.push(() => this.#whenAwake(happen));
    else happen();
  }
}

interface Around {
  readonly store: ApiStore;
  readonly time: Time;
  readonly way: () => Way;
}

class TestLink implements Link {
  readonly #around: Around;
  readonly #report: (report: Report) => void;
  readonly #closed: () => void;
  /** What is under way, by its id, and how to end it. */
  readonly #open = new Map<string, () => void>();
  readonly #streams = new Set<string>();

  constructor(around: Around, report: (report: Report) => void, closed: () => void) {
    this.#around = around;
    this.#report = report;
    this.#closed = closed;
  }

  request({ id, method, path, body, timeoutMs }: Request): void {
    const { time } = this.#around;
    this.#begin(id, timeoutMs);
    if (this.#isRefused(id)) return;
    time.after(delayMs, () => {
      if (this.#around.way() === "cut") return;
      const answer = this.#ask({ method, path, ...(body === undefined ? {} : { body }) }) as Answer;
      time.after(delayMs, () => this.#answer(id, answer));
    });
  }

  watch({ id, path, timeoutMs }: Watch): void {
    const { time, way } = this.#around;
    this.#begin(id, timeoutMs);
    if (this.#isRefused(id)) return;
    time.after(delayMs, () => {
      if (way() === "cut" || !this.#open.has(id)) return;
      const answer = this.#ask({ method: "GET", path });
      if (answer.type !== "stream") return void time.after(delayMs, () => this.#answer(id, answer));
      this.#open.get(id)?.();
      this.#open.set(id, () => answer.close());
      this.#streams.add(id);
      const tell = (report: Report) => time.after(delayMs, () => this.#tell(id, report));
      tell({ type: "opened", id });
      answer.start({
        onLine: (text) => tell({ type: "line", id, text }),
        onEnd: () => this.#end(id, { type: "ended", id }),
      });
    });
  }

  abandon(id: string): void {
    this.#open.get(id)?.();
    this.#open.delete(id);
    this.#streams.delete(id);
  }

  close(): void {
    for (const id of this.#open.keys()) this.abandon(id);
    this.#closed();
  }

  secrets(): readonly string[] {
    return [];
  }

  breakOff(): void {
    for (const id of this.#open.keys()) {
      const error = "ECONNRESET: the connection broke";
      this.#end(
        id,
        this.#streams.has(id) ? { type: "ended", id, error } : { type: "unanswered", id, error },
      );
    }
  }

  #begin(id: string, timeoutMs: number): void {
    const error = `ETIMEDOUT: no answer within ${timeoutMs} ms`;
    const cancel = this.#around.time.after(timeoutMs, () =>
      this.#finish(id, { type: "unanswered", id, error }),
    );
    this.#open.set(id, cancel);
  }

  #isRefused(id: string): boolean {
    if (this.#around.way() !== "refused") return false;
    this.#end(id, { type: "unanswered", id, error: "ECONNREFUSED" });
    return true;
  }

  #ask(request: { method: string; path: string; body?: string }): Answer | Stream {
    return this.#around.store.handle(request, this.#around.time.now().wallMs);
  }

  #answer(id: string, { status, body }: Answer): void {
    if (this.#around.way() === "open") this.#finish(id, { type: "answered", id, status, body });
  }

  #tell(id: string, report: Report): void {
    if (this.#open.has(id) && this.#around.way() === "open") this.#report(report);
  }

  #end(id: string, report: Report): void {
    this.#around.time.after(delayMs, () => this.#finish(id, report));
  }

  #finish(id: string, report: Report): void {
    if (!this.#open.has(id)) return;
    this.abandon(id);
    this.#report(report);
  }
}
