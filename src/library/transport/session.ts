/** One HTTP/2 connection to the API server: many exchanges at once. */
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  IncomingHttpStatusHeader,
} from "node:http2";
import { abandonment, type Deadline } from "../../node/api/deadline.ts";
import { type Dialed, peerOf } from "../../node/api/dial.ts";
import { type Answer, countInterim, headersOf, type Question } from "../../node/api/exchange.ts";
import type { Connection } from "../../node/api/connections.ts";
import type { Server } from "../../node/api/server.ts";

/** Of the exchanges at once that the server allows, this part may be watches: they do not end. */
const watchShare = 0.75;

/** How much of all answers together may be on its way: a watch that is read late holds nobody up. */
const windowBytes = 1024 * 1024;

const pingMs = 3000;

/** CANCEL (RFC 9113): the answer is not wanted any more. */
const cancelled = 8;

type Kind = "request" | "watch";

/** Resolves once the server has said how many exchanges it takes at once. */
export async function openSession(
  { socket, address }: Dialed,
  server: Server,
  deadline: Deadline,
): Promise<Session> {
  const { connect } = await import("node:http2");
  const peer = peerOf(address, server.port);
  const http2 = connect(`https://${authorityOf(server)}`, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: windowBytes, maxHeaderListSize: 16 * 1024 },
  });
  // What goes wrong is told to the exchanges on it.
  http2.on("error", () => {});
  await ready(http2, peer, deadline.signal);
  http2.setLocalWindowSize(windowBytes);
  return new Session(http2, address, peer);
}

export class Session {
  readonly address: string;
  readonly peer: string;
  /** When it was made: milliseconds of the clock of `performance`. */
  readonly openedAtMs: number = performance.now();
  hasServed = false;
  readonly #http2: ClientHttp2Session;
  readonly #open = { request: 0, watch: 0 };
  #isDoubted = false;
  #isRetired = false;

  constructor(http2: ClientHttp2Session, address: string, peer: string) {
    this.#http2 = http2;
    this.address = address;
    this.peer = peer;
    http2.on("goaway", () => this.retire());
  }

  /** Whether it can be of use, now or when it has answered. */
  get isOpen(): boolean {
    return !this.#isRetired && !this.#http2.closed && !this.#http2.destroyed;
  }

  get isIdle(): boolean {
    return this.#open.request + this.#open.watch === 0;
  }

  /** Whether another exchange may begin on it. */
  hasRoom(kind: Kind): boolean {
    if (!this.isOpen || this.#isDoubted) return false;
    const { remoteSettings } = this.#http2;
    const limit = remoteSettings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
    const { request, watch } = this.#open;
    return (
      request + watch < limit && (kind === "request" || watch < Math.max(1, limit * watchShare))
    );
  }

  /** Takes room for one exchange. */
  connection(kind: Kind): Connection {
    this.#open[kind] += 1;
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      this.#open[kind] -= 1;
      if (this.#isRetired) this.retire();
    };
    const { address, peer, hasServed } = this;
    const exchange = (question: Question, signal: AbortSignal) =>
      this.#exchange(question, signal, over);
    return { address, peer, hasServed, exchange, destroy: over };
  }

  /** Nothing begins on it any more, and it closes when its last exchange has ended. */
  retire(): void {
    this.#isRetired = true;
    if (this.isIdle) this.#http2.destroy();
  }

  /**
   * It may be dead: nothing begins on it until it has answered a ping, and no answer ends it with its
   * watches, which would be silent for long.
   */
  doubt(): void {
    if (this.#isDoubted || !this.isOpen) return;
    this.#isDoubted = true;
    const timer = setTimeout(() => this.#http2.destroy(), pingMs);
    this.#http2.once("close", () => clearTimeout(timer));
    this.#http2.ping((error) => {
      if (error !== null) return;
      clearTimeout(timer);
      this.#isDoubted = false;
    });
  }

  async #exchange(question: Question, signal: AbortSignal, over: () => void): Promise<Answer> {
    try {
      const answer = await ask(this.#http2, this.peer, question, signal);
      this.hasServed = true;
      return { ...answer, [Symbol.asyncIterator]: () => ending(answer, over) };
    } catch (error) {
      over();
      if (signal.reason !== abandonment) this.doubt();
      throw error;
    }
  }
}

function ask(
  http2: ClientHttp2Session,
  peer: string,
  question: Question,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { body, method, path, server } = question;
    const { Host: _, ...headers } = headersOf(question);
    const stream = http2.request(
      {
        ":method": method,
        ":path": server.basePath + path,
        ":authority": authorityOf(server),
        ...headers,
      },
      { endStream: body === undefined },
    );
    const onAbort = (): void => {
      stream.close(cancelled);
      stream.destroy(signal.reason as Error);
    };
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    stream.on(
      "headers",
      countInterim(peer, (error) => stream.destroy(error)),
    );
    stream.on("response", (head) => resolve(answerOf(head, stream)));
    stream.on("error", reject);
    stream.on("close", () => {
      signal.removeEventListener("abort", onAbort);
      reject(new Error(`${peer} closed the connection without an answer`));
    });
    if (body !== undefined) stream.end(body);
  });
}

/** The body, with the news when nobody reads it any more. */
async function* ending(answer: Answer, over: () => void): AsyncGenerator<Buffer> {
  try {
    yield* answer;
  } finally {
    over();
  }
}

function answerOf(
  head: IncomingHttpHeaders & IncomingHttpStatusHeader,
  stream: ClientHttp2Stream,
): Answer {
  return {
    statusCode: head[":status"] ?? 0,
    headers: head,
    [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>,
  };
}

function ready(http2: ClientHttp2Session, peer: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      signal.removeEventListener("abort", onAbort);
      http2.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason as Error);
    http2.once("error", fail);
    http2.once("close", () => fail(new Error(`${peer} closed the connection`)));
    http2.once("remoteSettings", () => {
      signal.removeEventListener("abort", onAbort);
      http2.off("error", fail);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

function authorityOf({ host, port }: Server): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
