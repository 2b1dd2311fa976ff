/** An API client under test and servers for it, all on loopback, with real TLS. */
import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";
import type { TestContext } from "node:test";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import type { Order, Report } from "../../src/core/protocol.ts";
import type { Server } from "../../src/node/api/server.ts";
import type { Resolve } from "../../src/node/api/addresses.ts";
import { type Api, createApi } from "../../src/node/api/api.ts";
import {
  type Authority,
  createAuthority,
  type ServerCertificate,
} from "../support/certificates.ts";
import { until } from "../support/processes.ts";

export const authority: Authority = await createAuthority();
export const certificate: ServerCertificate = await authority.issue();
export const token = "token-of-the-pod";

export interface Loopback {
  readonly port: number;
  /** Every socket that was accepted, in order. */
  readonly sockets: readonly Socket[];
}

interface ServeOptions extends TlsOptions {
  readonly certificate?: ServerCertificate;
  readonly host?: string;
  readonly port?: number;
}

/** A server that speaks HTTP. */
export function serve(
  t: TestContext,
  handler: RequestListener,
  options: ServeOptions = {},
): Promise<Loopback> {
  return open(t, createHttpsServer(tlsOf(options), handler), options);
}

/** A server that speaks what the test says, byte for byte, after the handshake. */
export function serveBytes(
  t: TestContext,
  onSocket: (socket: Socket) => void,
  options: ServeOptions = {},
): Promise<Loopback> {
  const server = createTlsServer(tlsOf(options), (socket) => {
    socket.on("error", () => {});
    onSocket(socket);
  });
  return open(t, server, options);
}

function tlsOf({ certificate: own = certificate, ...options }: ServeOptions): TlsOptions {
  return { cert: own.certPem, key: own.keyPem, ...options };
}

/** Has a server listen for the time of the test. */
export async function open(
  t: TestContext,
  server: NetServer,
  { host = "127.0.0.1", port = 0 }: { readonly host?: string; readonly port?: number } = {},
): Promise<Loopback> {
  const sockets: Socket[] = [];
  server.on("connection", (socket: Socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
  });
  server.listen(port, host);
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

export interface Client {
  readonly api: Api;
  readonly reports: readonly Report[];
  /** How often the credentials were told that they were refused. */
  readonly refusals: () => number;
  /** Orders a request and waits for its one report. */
  ask(order?: Partial<Extract<Order, { type: "request" }>>): Promise<Report>;
  /** Orders a watch; its reports are in `reports`. */
  watch(order?: Partial<Extract<Order, { type: "watch" }>>): void;
  /** The last report of an exchange, once it has come. */
  last(id: string): Promise<Report>;
}

interface ClientOptions {
  readonly host?: string;
  readonly ca?: string;
  readonly resolve?: Resolve;
  /** Called with every report, as the program would be. */
  readonly onReport?: (report: Report) => void;
  /** In place of host and CA. */
  readonly server?: () => Promise<Server>;
  readonly refused?: () => void;
}

export function connectTo(t: TestContext, port: number, options: ClientOptions = {}): Client {
  const { host = "127.0.0.1", ca = authority.caPem } = options;
  const headers = { Authorization: `Bearer ${token}` };
  const target: Server = { host, port, basePath: "", tls: { serverName: host, ca }, headers };
  const reports: Report[] = [];
  let refusals = 0;
  let asked = 0;
  const api = createApi({
    access: {
      server: options.server ?? (() => Promise.resolve(target)),
      refused() {
        refusals += 1;
        options.refused?.();
      },
    },
    report(report) {
      reports.push(report);
      options.onReport?.(report);
    },
    ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
  });
  t.after(() => api.close());

  async function last(id: string): Promise<Report> {
    const find = () => reports.find((it) => "id" in it && it.id === id && isLast(it));
    await until(() => find() !== undefined, `the end of "${id}" in ${JSON.stringify(reports)}`);
    return find()!;
  }

  return {
    api,
    reports,
    refusals: () => refusals,
    ask(order = {}): Promise<Report> {
      asked += 1;
      const id = `request-${asked}`;
      api.request({ type: "request", id, method: "GET", path: "/", timeoutMs: 5000, ...order });
      return last(order.id ?? id);
    },
    watch: (order = {}) =>
      api.watch({ type: "watch", id: "watch", path: "/watch", timeoutMs: 5000, ...order }),
    last,
  };
}

function isLast({ type }: Report): boolean {
  return type === "answered" || type === "unanswered" || type === "ended";
}

/** The error of an exchange that ended with one. */
export function errorOf(report: Report): string {
  if (report.type === "unanswered") return report.error;
  if (report.type === "ended" && report.error !== undefined) return report.error;
  throw new Error(`no error in ${JSON.stringify(report)}`);
}
