/** The connections to the API server: which is kept, which is new, and to which address it goes. */
import { Agent } from "node:http";
import { isIPv6, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Server } from "./server.ts";
import { createAddresses, type Resolve } from "./addresses.ts";
import type { Deadline } from "./deadline.ts";
import { describeError } from "./error-text.ts";
import { keepAliveProbeMs, openSocket } from "./socket.ts";

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

/** One is the rule; two happen when a request has to overtake another. */
const maxIdle = 2;

/** Takes an idle connection, or says no and has it closed. */
type Keep = (connection: Connection) => boolean;

/** An agent that has the one socket it was made with: HTTP on it, and telling when it is idle. */
export class Connection extends Agent {
  readonly address: string;
  /** Such as `10.0.0.1:443`, for messages. */
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

  /** Whether it has served an exchange before, so that its server may be about to close it. */
  get hasServed(): boolean {
    return this.#hasServed;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.readyState === "open";
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
  const addresses = createAddresses(resolve);
  let idle: Connection[] = [];
  /** What the idle ones were made for: another CA or client certificate needs new ones. */
  let madeFor = "";
  let lastAddress: string | undefined;

  async function open(
    server: Server,
    fresh: boolean,
    deadline: Deadline,
    keep: Keep = () => false,
  ): Promise<Connection> {
    if (fresh && lastAddress !== undefined) addresses.troubled(lastAddress);
    const candidates = await addresses.of(server.host, deadline.signal);
    const failures: string[] = [];
    for (const [index, address] of candidates.entries()) {
      const shareMs = deadline.leftMs() / (candidates.length - index);
      lastAddress = address;
      try {
        const socket = await openSocket(server, address, shareMs, deadline.signal);
        addresses.worked(server.host, address);
        return new Connection(socket, address, server.port, keep);
      } catch (error) {
        addresses.troubled(address);
        deadline.signal.throwIfAborted();
        failures.push(describeError(error, peerOf(address, server.port)));
      }
    }
    throw new Error(failures.join("; "));
  }

  function closeIdle(): void {
    for (const connection of idle) connection.destroy();
    idle = [];
  }

  async function take(server: Server, fresh: boolean, deadline: Deadline): Promise<Connection> {
    const identity = JSON.stringify([server.host, server.port, server.tls ?? null]);
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
    failed: ({ address }) => addresses.troubled(address),
    closeIdle,
  };
}

function peerOf(address: string, port: number): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
