/**
 * The way of one replica to the API server, which can go silent: nothing comes back and nothing is
 * refused, as behind a firewall that drops packets. It is the worst of faults, for the client sees
 * only that time passes.
 */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface Proxy {
  readonly port: number;
  /** How much has come back from the server so far. */
  readonly answeredBytes: number;
  readonly isCut: boolean;
  /** Swallows everything from now on; connections stay open, new ones are taken. */
  cut(): void;
  /** Breaks what had gone silent, and lets new connections through. */
  heal(): void;
  close(): void;
}

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Listens on a free port of the loopback interface. */
export async function openProxy(target: Target): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let answeredBytes = 0;

  function hold(socket: Socket): Socket {
    sockets.add(socket);
    socket.setNoDelay(true);
    // What broke is gone for the other side as well, which its `close` sees to.
    socket.on("error", () => socket.destroy());
    return socket.once("close", () => sockets.delete(socket));
  }

  function relay(from: Socket, to: Socket, relayed: (bytes: number) => void): void {
    from.on("data", (bytes) => {
      if (isCut) return;
      relayed(bytes.length);
      to.write(bytes);
    });
    from.once("close", () => {
      if (!isCut) to.destroy();
    });
  }

  const server = createServer((client) => {
    hold(client);
    if (isCut) {
      client.resume();
      return;
    }
    const upstream = hold(connect(target));
    relay(client, upstream, () => {});
    relay(upstream, client, (bytes) => {
      answeredBytes += bytes;
    });
  });
  const breakAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });

  return {
    port: (server.address() as AddressInfo).port,
    get answeredBytes() {
      return answeredBytes;
    },
    get isCut() {
      return isCut;
    },
    cut() {
      isCut = true;
    },
    heal() {
      isCut = false;
      breakAll();
    },
    close() {
      server.close();
      breakAll();
    },
  };
}
