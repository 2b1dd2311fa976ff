/** The connections to the API server: which is kept, which is new, and to which address it goes. */
import { Agent } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Resolve } from "./addresses.ts";
import type { Deadline } from "./deadline.ts";
import { createDialer, peerOf } from "./dial.ts";
import { type Answer, exchange, type Question } from "./exchange.ts";
import type { Server } from "./server.ts";
import { keepAliveProbeMs } from "./socket.ts";

export interface Connections {
  /** An idle connection, or a new one. With `fresh` the idle ones are closed first. */
  take(server: Server, fresh: boolean, deadline: Deadline): Promise<Connection>;
  /**
   * A new connection that is not kept after its exchange. It goes to the first address that
   * answers in its share of the time left; with `fresh` the address of the last one comes last.
   *
   * @throws Error that names every address tried and what was wrong with it.
   */
  open(server: Server, fresh: boolean, deadline: Deadline): Promise<Connection>;
  /** An exchange on it failed: the next one goes elsewhere if there is an elsewhere. */
  failed(connection: Connection): void;
  /** Closes the idle ones; those in use end with their exchange. */
  closeIdle(): void;
}

/** What an exchange goes over. */
export interface Connection {
  readonly address: string;
  /** Such as `10.0.0.1:443`, for messages. */
  readonly peer: string;
  /** Whether it has served an exchange before, so that its server may be about to close it. */
  readonly hasServed: boolean;
  /** Resolves with the head of the answer; its body is still to be read. */
  exchange(question: Question, signal: AbortSignal): Promise<Answer>;
  /** Gives up what it is used for. */
  destroy(): void;
}

/** One is the rule; two happen when a request has to overtake another. */
const maxIdle = 2;

/** Takes an idle connection, or says no and has it closed. */
type Keep = (connection: OwnSocket) => boolean;

/** An agent that has the one socket it was made with: HTTP on it, and telling when it is idle. */
class OwnSocket extends Agent implements Connection {
  readonly address: string;
  readonly peer: string;
  readonly #socket: Socket;
  readonly #keep: Keep;
  #hasServed = false;

  constructor(socket: Socket, address: string, port: number, keep: Keep) {
    super({ keepAlive: true, keepAliveMsecs: keepAliveProbeMs, maxSockets: 1 });
    this.address = address;
    this.peer = peerOf(address, port);
    this.#socket = socket;
    this.#keep = keep;
  }

  get hasServed(): boolean {
    return this.#hasServed;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.readyState === "open";
  }

  exchange(question: Question, signal: AbortSignal): Promise<Answer> {
    return exchange({ agent: this, peer: this.peer }, question, signal);
  }

  override createConnection(): Duplex {
    return this.#socket;
  }

  /** Also the socket that no exchange was ever begun on, which Node's agent does not know yet. */
  override destroy(): void {
    super.destroy();
    this.#socket.destroy();
  }

  /** Node calls this when an exchange has ended and the socket may serve another one. */
  override keepSocketAlive(socket: Duplex): boolean {
    super.keepSocketAlive(socket);
    this.#hasServed = true;
    return this.#keep(this);
  }
}

export function createConnections(resolve?: Resolve): Connections {
  const dialer = createDialer(resolve);
  let idle: OwnSocket[] = [];
  /** What the idle ones were made for: another CA or client certificate needs new ones. */
  let madeFor = "";

  async function open(
    server: Server,
    fresh: boolean,
    deadline: Deadline,
    keep: Keep = () => false,
  ): Promise<OwnSocket> {
    const { socket, address } = await dialer.dial(server, fresh, deadline);
    return new OwnSocket(socket, address, server.port, keep);
  }

  function closeIdle(): void {
    for (const connection of idle) connection.destroy();
    idle = [];
  }

  async function take(server: Server, fresh: boolean, deadline: Deadline): Promise<Connection> {
    const identity = identityOf(server);
    if (fresh || identity !== madeFor) closeIdle();
    madeFor = identity;
    for (let kept = idle.pop(); kept !== undefined; kept = idle.pop()) {
      if (kept.isOpen) return kept;
    }
    return open(server, fresh, deadline, (connection) => {
      if (identity !== madeFor || idle.length >= maxIdle) return false;
      idle.push(connection);
      return true;
    });
  }

  return {
    take,
    open: (server, fresh, deadline) => open(server, fresh, deadline),
    failed: ({ address }) => dialer.troubled(address),
    closeIdle,
  };
}

/** What a connection is made for: another server, CA or client certificate needs a new one. */
export function identityOf({ host, port, tls }: Server): string {
  return JSON.stringify([host, port, tls ?? null]);
}
