/**
 * The link between one replica and the API server: it delays, loses, reorders, goes silent, refuses,
 * and may deliver a write long after the client has given it up.
 */
import type { Order, Report } from "../../src/core/protocol.ts";
import { Outage } from "./outage.ts";
import type { Server } from "./server.ts";
import type { World } from "./world.ts";

type Request = Extract<Order, { type: "request" }>;
type WatchOrder = Extract<Order, { type: "watch" }>;
type Tell = (report: Report) => void;

/** The knobs of the faults that may strike at any time; all off at rest. */
export interface Weather {
  /** Each way of an exchange is lost with this probability; a stream falls silent by it. */
  readonly loss: number;
  /** An exchange is slow (up to `slowMs` each way) with this probability. */
  readonly slow: number;
  readonly slowMs: number;
  /** A request arrives up to `lateMs` late with this probability: long given up, still applied. */
  readonly late: number;
  readonly lateMs: number;
  /** Black hole both ways: nothing arrives, and nobody is told. */
  readonly isCut: boolean;
  /** Requests arrive and are applied, and no answer comes back. */
  readonly isMute: boolean;
  /** Connections break or are refused at once, streams too. */
  readonly isRefused: boolean;
  /** New exchanges hang (half-open), while open streams go on. */
  readonly isHalfOpen: boolean;
  /** Streams hold their lines back, as long as this lasts; requests go on. */
  readonly isStreamSilent: boolean;
  /** A line of a stream is followed by an older one with this probability. */
  readonly replay: number;
  /** The server denies this: 403 for a verb, 401 for all. */
  readonly denied: "none" | "write" | "read" | "watch" | "token";
}

export const calm: Weather = {
  loss: 0,
  slow: 0,
  slowMs: 0,
  late: 0,
  lateMs: 0,
  isCut: false,
  isMute: false,
  isRefused: false,
  isHalfOpen: false,
  isStreamSilent: false,
  replay: 0,
  denied: "none",
};

export class Link {
  readonly #world: World;
  readonly #server: Server;
  readonly #streams = new Set<StreamEnd>();
  #weather = calm;
  readonly #outage: Outage;

  constructor(world: World, server: Server) {
    this.#world = world;
    this.#server = server;
    this.#outage = new Outage(world);
  }

  get weather(): Weather {
    return this.#weather;
  }

  /** How long its exchanges have been going wrong, be it by the way or by the server. */
  outageMs(agoMs: number): number {
    const { nowMs } = this.#world;
    const own = this.#outage.fromMs(agoMs) ?? nowMs;
    return nowMs - Math.min(own, this.#server.outage.fromMs(agoMs) ?? nowMs);
  }

  set weather(weather: Weather) {
    this.#weather = weather;
    this.#outage.note(weather !== calm);
    if (weather.isRefused) for (const stream of this.#streams) stream.breakOff();
    if (!weather.isStreamSilent) for (const stream of this.#streams) stream.release();
  }

  /** Sends the request; the answer may never come, and the host has its own timeout for that. */
  request(request: Request, tell: Tell, by = ""): void {
    const { id, method, path, body } = request;
    if (this.#isRefusing()) return this.#refuse(id, tell);
    if (this.#isLost() || this.#weather.isHalfOpen) return;
    this.#world.after(this.#delay() + this.#lateness(), () => {
      const answer =
        this.#denial(method === "GET" ? "read" : "write") ??
        this.#server.handle({ method, path, ...(body === undefined ? {} : { body }) }, by, id);
      if (!("body" in answer) || this.#isLost() || this.#weather.isMute) return;
      this.#world.after(this.#delay(), () => {
        if (this.#weather.isCut) return;
        tell({ type: "answered", id, status: answer.status, body: answer.body });
      });
    });
  }

  /** Opens a stream; in a black hole it falls silent for ever, as a TCP connection does. */
  watch({ path, id }: WatchOrder, tell: Tell): () => void {
    const stream = new StreamEnd(
      this.#world,
      id,
      tell,
      () => this.#weather,
      () => this.#delay(),
    );
    if (this.#isRefusing()) {
      this.#refuse(id, tell);
      return () => stream.close();
    }
    if (this.#isLost() || this.#weather.isHalfOpen) return () => stream.close();
    this.#streams.add(stream);
    stream.atClose(() => this.#streams.delete(stream));
    this.#world.after(this.#delay(), () => {
      if (!stream.isOpen) return;
      const denied = this.#denial("watch");
      const answer = denied ?? this.#server.handle({ method: "GET", path }, "", id);
      if ("body" in answer) {
        return stream.refused({ type: "answered", id, status: answer.status, body: answer.body });
      }
      const forget = this.#server.holds(() => stream.breakOff());
      stream.atClose(() => answer.close());
      stream.atClose(forget);
      stream.opened();
      answer.start({ onLine: (text) => stream.line(text), onEnd: () => stream.breakOff() });
    });
    return () => stream.close();
  }

  #isRefusing(): boolean {
    return this.#weather.isRefused || this.#server.isDown;
  }

  #refuse(id: string, tell: Tell): void {
    this.#world.after(this.#world.between(0.1, 2), () =>
      tell({ type: "unanswered", id, error: "connection refused" }),
    );
  }

  #denial(verb: "read" | "write" | "watch"): { status: number; body: string } | undefined {
    const { denied } = this.#weather;
    if (denied === "token") return { status: 401, body: "{}" };
    return denied === verb ? { status: 403, body: "{}" } : undefined;
  }

  #isLost(): boolean {
    return this.#weather.isCut || this.#world.chance(this.#weather.loss);
  }

  #lateness(): number {
    return this.#world.chance(this.#weather.late)
      ? this.#world.between(0, this.#weather.lateMs)
      : 0;
  }

  #delay(): number {
    const isSlow = this.#world.chance(this.#weather.slow);
    return isSlow ? this.#world.between(50, this.#weather.slowMs) : this.#world.between(0.2, 8);
  }
}

/** The client's end of a stream: lines arrive in the order sent, each after the last. */
class StreamEnd {
  isOpen = true;
  readonly #world: World;
  readonly #id: string;
  readonly #tell: Tell;
  readonly #weather: () => Weather;
  readonly #delay: () => number;
  readonly #undos: (() => void)[] = [];
  #held: string[] = [];
  #last = "";
  #lastAtMs = 0;
  #isDead = false;

  constructor(world: World, id: string, tell: Tell, weather: () => Weather, delay: () => number) {
    this.#world = world;
    this.#id = id;
    this.#tell = tell;
    this.#weather = weather;
    this.#delay = delay;
  }

  atClose(undo: () => void): void {
    this.#undos.push(undo);
  }

  opened(): void {
    this.#send({ type: "opened", id: this.#id });
  }

  line(text: string): void {
    if (this.#weather().isStreamSilent) return void this.#held.push(text);
    this.#send({ type: "line", id: this.#id, text });
    const isReplayed = this.#last !== "" && this.#world.chance(this.#weather().replay);
    if (isReplayed) this.#send({ type: "line", id: this.#id, text: this.#last });
    this.#last = text;
  }

  /** Lines that a stalled proxy held back come after all. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const text of held) this.line(text);
  }

  refused(report: Report): void {
    this.#send(report);
    this.close();
  }

  breakOff(): void {
    if (!this.isOpen) return;
    this.#send({ type: "ended", id: this.#id });
    this.close();
  }

  close(): void {
    this.isOpen = false;
    for (const undo of this.#undos.splice(0)) undo();
  }

  #send(report: Report): void {
    if (!this.isOpen || this.#isDead) return;
    // What is lost of a TCP stream takes all that follows with it.
    if (this.#weather().isCut || this.#world.chance(this.#weather().loss / 4)) {
      this.#isDead = true;
      return;
    }
    this.#lastAtMs = Math.max(this.#lastAtMs, this.#world.nowMs + this.#delay());
    this.#world.after(this.#lastAtMs - this.#world.nowMs, () => {
      if (this.#weather().isCut) this.#isDead = true;
      else if (!this.#isDead) this.#tell(report);
    });
  }
}
