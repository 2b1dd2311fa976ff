/** The embedded API server on a port: HTTP, or HTTPS where a key and a certificate are given. */

import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { tooLarge } from "./replies.ts";
import type { ApiRequest } from "./requests.ts";
import type { ApiStore } from "./store.ts";
import type { Stream } from "./watch.ts";

export interface ServeOptions {
  /** Loopback unless told. */
  readonly host?: string;
  /** Any free one unless told. */
  readonly port?: number;
  /** In PEM form; without it the server speaks plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Over TLS also HTTP/2, as a real server does, for clients that ask for it. */
  readonly isHttp2?: boolean;
  /** How often watches get bookmarks: a minute unless told, as in a real server. */
  readonly bookmarkMs?: number;
  /** The server's wall clock. */
  readonly now?: () => number;
  /**
   * Sees each complete request first, and may take the exchange over by returning true: then it
   * answers as it likes, or never. For tests of faults.
   */
  readonly intercept?: (request: ApiRequest, response: http.ServerResponse) => boolean;
}

export interface ServedApi {
  readonly url: string;
  readonly port: number;
  /** Breaks every connection, those of open watches too. */
  close(): Promise<void>;
}

/** What a real server takes, 3 MiB. */
const bodyLimit = 3 * 1024 * 1024;
/** A reader of a watch that is this far behind is cut off, lest its lines fill the memory. */
const backlogLimit = 1024 * 1024;

/** @throws the error of the socket when it cannot listen. */
export async function serveApi(store: ApiStore, options: ServeOptions = {}): Promise<ServedApi> {
  const { host = "127.0.0.1", port = 0, tls, bookmarkMs = 60_000 } = options;
  const listener: http.RequestListener = (incoming, response) => {
    // A failure to read is a connection that broke: nobody is left to be told.
    receive(store, options, incoming, response).catch(() => response.destroy());
  };
  const { server, closeAll } = listenerOf(options, listener);
  // An idle connection stays open: a server that closes it just when a client writes its next
  // request looks like a fault to that client.
  if ("keepAliveTimeout" in server) server.keepAliveTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const bookmarks = setInterval(() => store.bookmark(), bookmarkMs);
  const address = server.address() as AddressInfo;
  const scheme = tls === undefined ? "http" : "https";
  return {
    url: `${scheme}://${host.includes(":") ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    close: () => {
      clearInterval(bookmarks);
      return new Promise((resolve) => {
        server.close(() => resolve());
        closeAll();
      });
    },
  };
}

interface Listening {
  readonly server: http.Server | https.Server | http2.Http2SecureServer;
  readonly closeAll: () => void;
}

function listenerOf({ tls, isHttp2 }: ServeOptions, listener: http.RequestListener): Listening {
  if (tls !== undefined && isHttp2 === true) {
    const sessions = new Set<http2.ServerHttp2Session>();
    // Its requests and answers are like those of HTTP/1.1, as far as they are used here.
    const server = http2.createSecureServer({ ...tls, allowHTTP1: true }, listener as never);
    server.on("session", (session) => {
      sessions.add(session);
      session.once("close", () => sessions.delete(session));
    });
    return { server, closeAll: () => sessions.forEach((session) => session.destroy()) };
  }
  const server =
    tls === undefined ? http.createServer(listener) : https.createServer(tls, listener);
  return { server, closeAll: () => server.closeAllConnections() };
}

async function receive(
  store: ApiStore,
  options: ServeOptions,
  incoming: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const body = await read(incoming);
  if (body === undefined) {
    const answer = tooLarge(bodyLimit);
    response.writeHead(answer.status, answer.headers).end(answer.body);
    return;
  }
  const request = requestOf(incoming, body);
  if (options.intercept?.(request, response) === true) return;
  const result = store.handle(request, (options.now ?? Date.now)());
  if (result.type === "stream") stream(result, response);
  else response.writeHead(result.status, result.headers).end(result.body);
}

/** The body, or `undefined` where it is too long: then it is read to its end and thrown away. */
async function read(incoming: http.IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= bodyLimit) chunks.push(chunk);
  }
  return length > bodyLimit ? undefined : Buffer.concat(chunks).toString("utf8");
}

function requestOf(incoming: http.IncomingMessage, body: string): ApiRequest {
  const { method = "GET", url = "/", headers } = incoming;
  const token = /^Bearer +(.+)$/i.exec(headers.authorization ?? "")?.[1];
  const contentType = headers["content-type"];
  return {
    method,
    path: url,
    ...(token === undefined ? {} : { token }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(body === "" ? {} : { body }),
  };
}

function stream(stream: Stream, response: http.ServerResponse): void {
  const { timeoutMs } = stream;
  response.writeHead(stream.status, stream.headers);
  // The client waits for the headers, and the first event may be long in coming.
  response.flushHeaders();
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => response.end(), timeoutMs);
  response.once("close", () => {
    clearTimeout(timer);
    stream.close();
  });
  stream.start({
    onLine: (text) => {
      response.write(`${text}\n`);
      if (response.writableLength > backlogLimit) response.destroy();
    },
    onEnd: () => response.end(),
  });
}
