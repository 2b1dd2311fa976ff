/** A TCP proxy that counts connections, and can fall silent on those that are open. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface CountingProxy {
  readonly port: number;
  accepted(): number;
  open(): number;
  /** Nothing passes any more on the connections that are open now. */
  silence(): void;
  close(): void;
}

export async function openProxy(port: number): Promise<CountingProxy> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((client) => {
    accepted += 1;
    const upstream = connect({ host: "127.0.0.1", port });
    sockets.add(client);
    for (const socket of [client, upstream]) socket.on("error", () => {});
    client.once("close", () => {
      sockets.delete(client);
      upstream.destroy();
    });
    upstream.once("close", () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    open: () => sockets.size,
    silence() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.resume();
        socket.removeAllListeners("data");
      }
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
