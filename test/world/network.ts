/**
 * The link between one replica and the API server's store: it delays, loses, goes silent, and may
 * deliver a write long after the client has given it up.
 */
import type { ApiStore } from "../../src/api-server/store.ts";
import type { Order, Report } from "../../src/core/protocol.ts";
import type { World } from "./world.ts";

type Request = Extract<Order, { type: "request" }>;
type WatchOrder = Extract<Order, { type: "watch" }>;

/** The knobs of the faults that may strike at any time. */
export interface Weather {
  /** Each way of an exchange is lost with this probability. */
  readonly loss: number;
  /** An exchange is slow (up to `slowMs` each way) with this probability. */
  readonly slow: number;
  readonly slowMs: number;
}

const serverStartMs = Date.UTC(2026, 0, 1);

export class Link {
  weather: Weather = { loss: 0, slow: 0, slowMs: 0 };
  /** Black hole both ways: nothing arrives, and nobody is told. */
  isCut = false;
  readonly #world: World;
  readonly #store: ApiStore;

  constructor(world: World, store: ApiStore) {
    this.#world = world;
    this.#store = store;
  }

  /** Sends the request; the answer may never come, and the host has its own timeout for that. */
  request({ id, method, path, body }: Request, tell: (report: Report) => void): void {
    if (this.#isLost()) return;
    this.#world.after(this.#delay(), () => {
      const request = { method, path, ...(body === undefined ? {} : { body }) };
      const answer = this.#store.handle(request, serverStartMs + this.#world.nowMs);
      if (answer.type !== "answer" || this.#isLost()) return;
      const { status, body: text } = answer;
      this.#world.after(this.#delay(), () => {
        if (!this.isCut) tell({ type: "answered", id, status, body: text });
      });
    });
  }

  /** Opens a stream; in a black hole it falls silent for ever, as a TCP connection does. */
  watch({ path, id }: WatchOrder, tell: (report: Report) => void): () => void {
    let isOpen = true;
    let close: (() => void) | undefined;
    let lastAtMs = 0;
    /** In the order sent, each line after the last. */
    const send = (report: Report) => {
      if (!isOpen || this.isCut) return void (isOpen = false);
      lastAtMs = Math.max(lastAtMs, this.#world.nowMs + this.#delay());
      this.#world.after(lastAtMs - this.#world.nowMs, () => {
        if (isOpen && !this.isCut) tell(report);
        else isOpen = false;
      });
    };
    if (!this.#isLost()) {
      this.#world.after(this.#delay(), () => {
        const answer = this.#store.handle({ method: "GET", path }, 0);
        if (answer.type === "answer") {
          return send({ type: "answered", id, status: answer.status, body: answer.body });
        }
        close = () => answer.close();
        send({ type: "opened", id });
        answer.start({
          onLine: (text) => send({ type: "line", id, text }),
          onEnd: () => send({ type: "ended", id }),
        });
      });
    }
    return () => {
      isOpen = false;
      close?.();
    };
  }

  #isLost(): boolean {
    return this.isCut || this.#world.chance(this.weather.loss);
  }

  #delay(): number {
    const isSlow = this.#world.chance(this.weather.slow);
    return isSlow ? this.#world.between(50, this.weather.slowMs) : this.#world.between(0.2, 8);
  }
}
