/** A new socket to the API server: which of its addresses is tried first, and for how long. */
import { isIPv6, type Socket } from "node:net";
import { createAddresses, type Resolve } from "./addresses.ts";
import type { Deadline } from "./deadline.ts";
import { describeError } from "./error-text.ts";
import type { Server } from "./server.ts";
import { openSocket, type Protocol } from "./socket.ts";

export interface Dialed {
  readonly socket: Socket;
  readonly address: string;
}

export interface Dialer {
  /**
   * The first address that answers in its share of the time left; with `fresh` the address of the last
   * one comes last.
   *
   * @throws Error that names every address tried and what was wrong with it.
   */
  dial(
    server: Server,
    fresh: boolean,
    deadline: Deadline,
    protocols?: readonly Protocol[],
  ): Promise<Dialed>;
  /** An exchange with it failed: the next one goes elsewhere if there is an elsewhere. */
  troubled(address: string): void;
}

export function createDialer(resolve?: Resolve): Dialer {
  const addresses = createAddresses(resolve);
  let lastAddress: string | undefined;

  async function dial(
    server: Server,
    fresh: boolean,
    deadline: Deadline,
    protocols?: readonly Protocol[],
  ): Promise<Dialed> {
    if (fresh && lastAddress !== undefined) addresses.troubled(lastAddress);
    const candidates = await addresses.of(server.host, deadline.signal);
    const failures: string[] = [];
    for (const [index, address] of candidates.entries()) {
      const shareMs = deadline.leftMs() / (candidates.length - index);
      lastAddress = address;
      try {
        const socket = await openSocket(server, address, shareMs, deadline.signal, protocols);
        addresses.worked(server.host, address);
        return { socket, address };
      } catch (error) {
        addresses.troubled(address);
        deadline.signal.throwIfAborted();
        failures.push(describeError(error, peerOf(address, server.port)));
      }
    }
    throw new Error(failures.join("; "));
  }

  return { dial, troubled: (address) => addresses.troubled(address) };
}

/** Such as `10.0.0.1:443`, for messages. */
export function peerOf(address: string, port: number): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
