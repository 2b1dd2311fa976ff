/**
 * The way of one replica to the API server, and what can go wrong on it.
 *
 * A verb takes the place of the one before; `heal()` ends them all. Bytes that a fault holds back are
 * not lost: after `heal()` they arrive, late, as TCP sees to on a network that has come back. So a
 * write that its sender gave up long ago may still reach the server.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "../cluster/server-processes.ts";
import { flowing, held, Lane, type Pace } from "./proxy-lane.ts";

export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface Proxy extends Target {
  /** How much has gone to the server so far. */
  readonly askedBytes: number;
  /** How much has come back from the server so far. */
  readonly answeredBytes: number;
  /** How many connections it has taken so far. */
  readonly taken: number;
  readonly isCut: boolean;
  /** A black hole both ways: connections stay open, new ones are taken, and not a byte comes through. */
  cut(): void;
  /** What the server says does not arrive, while what it is asked does. */
  cutAnswers(): void;
  /** Resets every connection, and each new one as soon as it is there. */
  reset(): void;
  /** Resets every connection, and listens no more. */
  refuse(): void;
  /** Every byte takes so long on its way. */
  delay(ms: { readonly requests?: number; readonly answers?: number }): void;
  /** One byte of the server's at a time, and a pause after each: with 0 it only cuts into slices. */
  drip(everyMs: number): void;
  /** A peer that died behind a gateway: it is silent for good, and new connections lead nowhere. */
  halfOpen(): void;
  /** Forgets, without telling, every connection on which nothing was said for so long. */
  forgetIdle(afterMs: number): void;
  /** Resets every connection; new ones go to another server from now on, whatever is healed. */
  turnTo(target: Target): void;
  /** Everything comes through again; what was forgotten or led nowhere is reset. */
  heal(): Promise<void>;
  close(): void;
}

interface Fault {
  readonly requests: Pace;
  readonly answers: Pace;
  readonly isCut: boolean;
  readonly taking: "on" | "nowhere" | "by reset";
  readonly forgetMs: number;
}

const none: Fault = {
  requests: flowing,
  answers: flowing,
  isCut: false,
  taking: "on",
  forgetMs: Infinity,
};

/** Listens on a free port of the loopback interface unless told otherwise. */
export async function openProxy(target: Target, at: Partial<Target> = {}): Promise<Proxy> {
  const { host = "127.0.0.1" } = at;
  // No outgoing connection can take this port while it is refused.
  const port = at.port ?? (await freePort());
  const connections = new Set<Connection>();
  let fault = none;
  let server: Server | undefined;
  let [askedBytes, answeredBytes, taken] = [0, 0, 0];

  function take(client: Socket): void {
    taken += 1;
    if (fault.taking === "by reset") return void client.resetAndDestroy();
    const upstream =
      fault.taking === "on" ? connect({ ...target, allowHalfOpen: true }) : undefined;
    const connection = new Connection(client, upstream, fault, {
      asked(bytes) {
        askedBytes += bytes;
      },
      answered(bytes) {
        answeredBytes += bytes;
      },
    });
    connections.add(connection);
    client.once("close", () => connections.delete(connection));
  }

  function listen(): Promise<void> {
    const listening = createServer({ allowHalfOpen: true }, take);
    server = listening;
    return new Promise((resolve, reject) => {
      listening.once("error", reject);
      listening.listen(port, host, resolve);
    });
  }

  function stopListening(): void {
    server?.close();
    server = undefined;
  }

  function set(next: Fault): void {
    fault = next;
    for (const connection of connections) connection.suffer(next);
  }

  function resetAll(isWanted: (connection: Connection) => boolean = () => true): void {
    for (const connection of connections) if (isWanted(connection)) connection.reset();
  }

  await listen();
  return {
    host,
    port,
    get askedBytes() {
      return askedBytes;
    },
    get answeredBytes() {
      return answeredBytes;
    },
    get taken() {
      return taken;
    },
    get isCut() {
      return fault.isCut;
    },
    cut: () => set({ ...none, requests: held, answers: held, isCut: true }),
    cutAnswers: () => set({ ...none, answers: held }),
    reset() {
      set({ ...none, taking: "by reset" });
      resetAll();
    },
    refuse() {
      set(none);
      stopListening();
      resetAll();
    },
    delay({ requests = 0, answers = 0 }) {
      set({ ...none, requests: later(requests), answers: later(answers) });
    },
    drip: (everyMs) => set({ ...none, answers: { what: "dripping", everyMs } }),
    halfOpen() {
      for (const connection of connections) connection.forget();
      set({ ...none, taking: "nowhere" });
    },
    forgetIdle: (forgetMs) => set({ ...none, forgetMs }),
    turnTo(other) {
      target = other;
      resetAll();
    },
    async heal() {
      set(none);
      resetAll(({ isForgotten }) => isForgotten);
      if (server === undefined) await listen();
    },
    close() {
      stopListening();
      resetAll();
    },
  };
}

function later(delayMs: number): Pace {
  return { what: "flowing", delayMs };
}

/** Told of bytes that went on. */
interface Count {
  readonly asked: (bytes: number) => void;
  readonly answered: (bytes: number) => void;
}

class Connection {
  readonly #sockets: readonly Socket[];
  readonly #lanes: { readonly requests: Lane; readonly answers: Lane } | undefined;
  #fault: Fault;
  #isForgotten: boolean;
  #heardAtMs = performance.now();

  /** Without a server it leads nowhere. */
  constructor(client: Socket, upstream: Socket | undefined, fault: Fault, count: Count) {
    this.#sockets = upstream === undefined ? [client] : [client, upstream];
    for (const socket of this.#sockets) {
      socket.setNoDelay(true);
      // What broke is gone for the other side as well, which its `close` sees to.
      socket.on("error", () => socket.destroy());
    }
    this.#fault = fault;
    this.#isForgotten = upstream === undefined;
    if (upstream === undefined) return;
    for (const socket of this.#sockets) socket.prependListener("data", () => this.#hear());
    this.#lanes = {
      requests: new Lane(client, upstream, fault.requests, count.asked),
      answers: new Lane(upstream, client, fault.answers, count.answered),
    };
  }

  get isForgotten(): boolean {
    return this.#isForgotten;
  }

  suffer(fault: Fault): void {
    this.#fault = fault;
    this.#pace();
  }

  /** Nothing comes through any more, whatever is healed. */
  forget(): void {
    this.#isForgotten = true;
    this.#pace();
  }

  reset(): void {
    for (const socket of this.#sockets) {
      // A reset within a shutdown fails, and leaves libuv spinning on a socket that nobody closes.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  #hear(): void {
    const now = performance.now();
    if (now - this.#heardAtMs > this.#fault.forgetMs) this.forget();
    this.#heardAtMs = now;
  }

  #pace(): void {
    if (this.#lanes === undefined) return;
    this.#lanes.requests.pace = this.#isForgotten ? held : this.#fault.requests;
    this.#lanes.answers.pace = this.#isForgotten ? held : this.#fault.answers;
  }
}
