/** One way of one connection: what comes in on one socket goes out on another, at a given pace. */
import type { Socket } from "node:net";

export type Pace =
  | { readonly what: "held" }
  | { readonly what: "flowing"; readonly delayMs: number }
  /** One byte at a time. */
  | { readonly what: "dripping"; readonly everyMs: number };

export const held: Pace = { what: "held" };
export const flowing: Pace = { what: "flowing", delayMs: 0 };

/** Bytes, or an end: of one way (`end`) or of the connection (`close`). */
interface Piece {
  readonly content: Buffer | "end" | "close";
  readonly readAtMs: number;
}

/** More is left to the kernel, and so in the end to the sender. */
const waitingLimitBytes = 1024 * 1024;

export class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #delivered: (bytes: number) => void;
  #pace: Pace;
  #waiting: Piece[] = [];
  #waitingBytes = 0;
  #sentAtMs = 0;
  #isFull = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, pace: Pace, delivered: (bytes: number) => void) {
    this.#from = from;
    this.#to = to;
    this.#pace = pace;
    this.#delivered = delivered;
    from.on("data", (bytes: Buffer) => this.#take(bytes));
    from.once("end", () => this.#take("end"));
    from.once("close", () => this.#take("close"));
    to.on("drain", () => {
      this.#isFull = false;
      this.#read();
    });
    to.once("close", () => clearTimeout(this.#timer));
    this.#read();
  }

  set pace(pace: Pace) {
    this.#pace = pace;
    this.#deliver();
    this.#read();
  }

  #take(content: Piece["content"]): void {
    this.#waiting.push({ content, readAtMs: performance.now() });
    this.#waitingBytes += lengthOf(content);
    this.#deliver();
    this.#read();
  }

  /** What is held back waits in the kernel, with the end of the connection behind it. */
  #read(): void {
    const isFull = this.#isFull || this.#waitingBytes > waitingLimitBytes;
    if (this.#pace.what === "held" || isFull) this.#from.pause();
    else this.#from.resume();
  }

  /** Sends on what is due, and comes back for the rest. */
  #deliver(): void {
    clearTimeout(this.#timer);
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const waitMs = this.#dueAtMs(first) - performance.now();
      if (waitMs === Infinity || this.#to.destroyed) return;
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#deliver(), waitMs);
        return;
      }
      this.#send(first);
    }
    this.#read();
  }

  #dueAtMs({ readAtMs }: Piece): number {
    switch (this.#pace.what) {
      case "held":
        return Infinity;
      case "flowing":
        return readAtMs + this.#pace.delayMs;
      case "dripping":
        return this.#sentAtMs + this.#pace.everyMs;
    }
  }

  #send({ content, readAtMs }: Piece): void {
    this.#waiting.shift();
    if (content === "end") return void this.#to.end();
    if (content === "close") return this.#to.destroySoon();
    const isDripping = this.#pace.what === "dripping";
    const bytes = isDripping ? content.subarray(0, 1) : content;
    const rest = content.subarray(bytes.length);
    if (rest.length > 0) this.#waiting.unshift({ content: rest, readAtMs });
    this.#waitingBytes -= bytes.length;
    this.#sentAtMs = performance.now();
    this.#delivered(bytes.length);
    if (!this.#to.write(bytes)) this.#isFull = true;
  }
}

function lengthOf(content: Piece["content"]): number {
  return typeof content === "string" ? 0 : content.length;
}
