/**
 * The status endpoint: plain HTTP that anybody in the cluster can reach, so that everything about
 * it is bounded. One request per connection; the body of a request is never looked at.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Order, Report } from "../core/protocol.ts";

type ListenOrder = Extract<Order, { type: "listen" }>;
type ReplyOrder = Extract<Order, { type: "reply" }>;

export interface Listener {
  /** Serves, in place of what was served before; ends in `listening` or `listenFailed`. */
  listen(order: ListenOrder): void;
  /** Answers a request; dropped when the client is gone. */
  reply(order: ReplyOrder): void;
  close(): void;
}

export interface ListenerOptions {
  /** Takes a report to the program; it must not throw. */
  readonly report: (report: Report) => void;
}

/** The limits of contract §4. Node's own are 60 s, 300 s, 5 s, 30 s and 16 KiB. */
const limits = {
  headersTimeout: 2000,
  requestTimeout: 3000,
  keepAliveTimeout: 1000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 4096,
  insecureHTTPParser: false,
};

const maxConnections = 32;

/** How long the program may take over a reply. */
const replyTimeoutMs = 3000;

/** Nothing is served before the first order. */
export function createListener({ report }: ListenerOptions): Listener {
  const desk = createDesk(report);
  let server: Server | undefined;
  let sockets = new Set<Socket>();

  function close(): void {
    server?.close();
    server = undefined;
    for (const socket of sockets) socket.destroy();
  }

  function serve(order: ListenOrder): void {
    close();
    const places = new Set<Socket>();
    server = createServer(limits, (request, response) => desk.ask(request, response));
    // The second of two pipelined requests gets a 503, so that one packet cannot ask a thousand.
    server.maxRequestsPerSocket = 1;
    server.on("connection", (socket) => admit(socket, places));
    sockets = places;
    listen(server, order, report);
  }

  return { listen: serve, reply: (order) => desk.reply(order), close };
}

function listen(server: Server, { host, port }: ListenOrder, report: ListenerOptions["report"]) {
  let isListening = false;

  function onError(error: NodeJS.ErrnoException): void {
    // Once bound, an error is about one connection that could not be accepted.
    if (isListening) return;
    const where = `${host ?? "every address"}, port ${port}`;
    const message = `Cannot listen on ${where}: ${error.code ?? error.message}`;
    report({ type: "listenFailed", message });
  }

  server.on("error", onError);
  server.on("listening", () => {
    isListening = true;
    report({ type: "listening" });
  });
  try {
    server.listen({ port, ...(host === undefined ? {} : { host }) });
  } catch (error) {
    onError(error as NodeJS.ErrnoException);
  }
}

/**
 * Makes room by ending the oldest connection, unlike `server.maxConnections`, which refuses the
 * newest: idle clients may take every place, and the kubelet must still get its answer, or it kills
 * the container.
 */
function admit(socket: Socket, places: Set<Socket>): void {
  places.add(socket);
  socket.on("close", () => places.delete(socket));
  if (places.size <= maxConnections) return;
  const [oldest] = places;
  if (oldest === undefined) return;
  places.delete(oldest);
  oldest.destroy();
}

interface Desk {
  ask(request: IncomingMessage, response: ServerResponse): void;
  reply(order: ReplyOrder): void;
}

/** Where questions wait for the program's reply. */
function createDesk(report: ListenerOptions["report"]): Desk {
  const waiting = new Map<string, ServerResponse>();
  let asked = 0;
  return {
    ask(request, response): void {
      asked += 1;
      const id = `asked-${asked}`;
      waiting.set(id, response);
      const timer = setTimeout(() => request.socket.destroy(), replyTimeoutMs);
      response.on("close", () => {
        clearTimeout(timer);
        waiting.delete(id);
      });
      request.on("error", () => {});
      // A body goes nowhere; `requestTimeout` ends one that does not end by itself.
      request.resume();
      report({ type: "asked", id, method: request.method ?? "", path: request.url ?? "" });
    },
    reply({ id, status, contentType, body }): void {
      const response = waiting.get(id);
      waiting.delete(id);
      response?.writeHead(status, {
        "Content-Type": contentType,
        "Content-Length": Buffer.byteLength(body),
        Connection: "close",
      });
      response?.end(body);
    },
  };
}
