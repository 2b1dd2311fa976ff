/**
 * The connections that all electors with the same credentials share: HTTP/2 where the server speaks it,
 * so that many watches take few connections; or else HTTP/1.1, with a connection for every watch.
 */
import {
  type Connection,
  type Connections,
  createConnections,
  identityOf,
} from "../../node/api/connections.ts";
import { createDeadline, type Deadline, unlessAborted } from "../../node/api/deadline.ts";
import { createDialer } from "../../node/api/dial.ts";
import type { Server } from "../../node/api/server.ts";
import { openSession, type Session } from "./session.ts";

/** Several may wait for one connection, each as long as its own exchange may take. */
const openMs = 5000;

/** Whoever asks for a fresh connection has just seen another fail: one made since is fresh. */
const freshMs = 1000;

export class Sessions implements Connections {
  readonly #dialer = createDialer();
  readonly #old = createConnections();
  #sessions: Session[] = [];
  #opening: Promise<void> | undefined;
  /** What the sessions were made for: another CA or client certificate needs new ones. */
  #madeFor = "";
  /** The server that was found to speak HTTP/1.1 only. */
  #oldFor = "";

  take(server: Server, fresh: boolean, deadline: Deadline): Promise<Connection> {
    return this.#find("request", server, fresh, deadline);
  }

  open(server: Server, fresh: boolean, deadline: Deadline): Promise<Connection> {
    return this.#find("watch", server, fresh, deadline);
  }

  failed(connection: Connection): void {
    this.#dialer.troubled(connection.address);
    this.#old.failed(connection);
  }

  closeIdle(): void {
    this.#retire(this.#sessions);
    this.#old.closeIdle();
  }

  async #find(
    kind: "request" | "watch",
    server: Server,
    fresh: boolean,
    deadline: Deadline,
  ): Promise<Connection> {
    const identity = identityOf(server);
    for (let isFresh = fresh; ; isFresh = false) {
      if (server.tls === undefined || identity === this.#oldFor) {
        return kind === "request"
          ? this.#old.take(server, fresh, deadline)
          : this.#old.open(server, fresh, deadline);
      }
      if (identity !== this.#madeFor) this.#retire(this.#sessions);
      this.#madeFor = identity;
      if (isFresh) {
        const sinceMs = performance.now() - freshMs;
        for (const one of this.#sessions) if (one.openedAtMs < sinceMs) one.doubt();
      }
      const found = this.#sessions.find((session) => session.hasRoom(kind));
      if (found !== undefined) {
        this.#closeSpare(found);
        return found.connection(kind);
      }
      await unlessAborted(this.#openOnce(server, fresh), deadline.signal);
    }
  }

  /** One opens it, the others wait. */
  #openOnce(server: Server, fresh: boolean): Promise<void> {
    this.#opening ??= this.#open(server, fresh).finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(server: Server, fresh: boolean): Promise<void> {
    const deadline = createDeadline(openMs, () => "API server: no connection");
    try {
      const dialed = await this.#dialer.dial(server, fresh, deadline, ["h2", "http/1.1"]);
      const { socket } = dialed;
      if (!("alpnProtocol" in socket) || socket.alpnProtocol !== "h2") {
        socket.destroy();
        this.#oldFor = identityOf(server);
        return;
      }
      const session = await openSession(dialed, server, deadline);
      this.#sessions = [...this.#sessions.filter((one) => one.isOpen), session];
    } finally {
      deadline.lift();
    }
  }

  /** What was opened while others were doubted is not needed any more. */
  #closeSpare(used: Session): void {
    this.#retire(this.#sessions.filter((one) => one !== used && one.isIdle));
  }

  #retire(sessions: readonly Session[]): void {
    for (const session of sessions) session.retire();
    this.#sessions = this.#sessions.filter((session) => !sessions.includes(session));
  }
}
