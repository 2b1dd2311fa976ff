/**
 * A verified connection to one address of the API server: nothing has been sent on it yet, and no
 * socket whose certificate was not checked leaves this file. No proxy variable and no switch of
 * the environment has a say.
 */
import { connect, isIP, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Server, Tls } from "./server.ts";

/** What a connection may speak, as ALPN names it. */
export type Protocol = "h2" | "http/1.1";

/** Between probes of TCP itself: an open watch on a dead path ends, whatever the program does. */
export const keepAliveProbeMs = 10_000;

/**
 * Of the protocols the server chooses one, if it knows any: see `alpnProtocol` of the socket.
 *
 * @throws Error with a code, also when it took longer than `timeoutMs`.
 */
export async function openSocket(
  server: Server,
  address: string,
  timeoutMs: number,
  signal: AbortSignal,
  protocols: readonly Protocol[] = ["http/1.1"],
): Promise<Socket> {
  const { port, tls } = server;
  const socket =
    tls === undefined
      ? connect({ host: address, port })
      : await secure(tls, address, port, protocols);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveProbeMs);
  // What goes wrong later is told by `close` too, and to the exchange on it if there is one.
  socket.on("error", () => {});
  await ready(socket, tls === undefined ? "connect" : "secureConnect", timeoutMs, signal);
  return socket;
}

async function secure(
  tls: Tls,
  address: string,
  port: number,
  protocols: readonly Protocol[],
): Promise<TLSSocket> {
  // Loaded late: TLS takes a good part of the start-up time, and plain HTTP never needs it.
  const { checkServerIdentity, connect: connectSecurely } = await import("node:tls");
  return connectSecurely({
    host: address,
    port,
    minVersion: "TLSv1.2",
    // Said outright, because NODE_TLS_REJECT_UNAUTHORIZED counts where nothing is said.
    rejectUnauthorized: true,
    checkServerIdentity: (_, certificate) => checkServerIdentity(tls.serverName, certificate),
    ALPNProtocols: [...protocols],
    // A server name in the handshake must not be an address (RFC 6066).
    ...(isIP(tls.serverName) === 0 ? { servername: tls.serverName } : {}),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  });
}

function ready(
  socket: Socket,
  event: "connect" | "secureConnect",
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    function settle(error?: Error): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.off(event, onReady).off("error", settle).off("close", onClose);
      if (error === undefined) return resolve();
      socket.destroy();
      reject(error);
    }
    const onReady = (): void => settle();
    const onAbort = (): void => settle(signal.reason as Error);
    const onClose = (): void => settle(codedError("ECONNRESET", "closed before it was usable"));
    const onTimeout = (): void =>
      settle(codedError("ETIMEDOUT", `no connection within ${Math.round(timeoutMs)} ms`));
    const timer = setTimeout(onTimeout, timeoutMs);
    socket.on(event, onReady).on("error", settle).on("close", onClose);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

function codedError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
