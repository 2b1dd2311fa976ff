/**
 * A stand-in for kube-proxy: it follows the EndpointSlices of one Service by watch and forwards
 * connections to the addresses that are ready, or, where none is, to those that serve while they
 * terminate, as kube-proxy does.
 *
 * The API server takes no loopback address for an endpoint, so a pod's address stands for a port here.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type ApiObject, watchApi } from "../support/api-client.ts";
import type { ControlPlane } from "./control-plane.ts";

export interface ServiceProxy {
  readonly port: number;
  /** Every address that a client may be sent to now, each once. */
  readonly addresses: readonly string[];
  /** All sets of addresses that there were, in order. */
  readonly history: readonly (readonly string[])[];
  /** Connections to a pod that did not listen. */
  readonly misses: readonly { readonly address: string; readonly atMs: number }[];
  close(): Promise<void>;
}

interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions: {
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
}

export async function startServiceProxy(
  plane: ControlPlane,
  namespace: string,
  service: string,
  portOf: (address: string) => number | undefined,
): Promise<ServiceProxy> {
  const slices = new Map<string, readonly Endpoint[]>();
  const history: (readonly string[])[] = [];
  const label = encodeURIComponent(`kubernetes.io/service-name=${service}`);
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  const watch = watchApi(plane.access, `${path}?watch=true&labelSelector=${label}`);
  const current = () => addressesOf([...slices.values()].flat());
  const following = (async () => {
    for await (const { type, object } of { [Symbol.asyncIterator]: () => watch.events }) {
      const name = object.metadata?.name ?? "";
      if (type === "DELETED") slices.delete(name);
      else slices.set(name, endpointsOf(object));
      const now = current();
      if (now.join() !== history.at(-1)?.join()) history.push(now);
    }
  })();
  const sockets = new Set<Socket>();
  const misses: { readonly address: string; readonly atMs: number }[] = [];
  const server = createServer((client) => {
    const address = current().find((it) => portOf(it) !== undefined);
    const port = address === undefined ? undefined : portOf(address);
    // kube-proxy rejects what has no endpoint.
    if (address === undefined || port === undefined) return void client.resetAndDestroy();
    const pod = connect(port, "127.0.0.1");
    pod.once("error", ({ code }: NodeJS.ErrnoException) => {
      if (code === "ECONNREFUSED") misses.push({ address, atMs: Date.now() });
    });
    for (const [from, to] of [
      [client, pod],
      [pod, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  return {
    port: (server.address() as AddressInfo).port,
    get addresses() {
      return current();
    },
    history,
    misses,
    async close() {
      watch.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => void server.close(resolve));
      await following.catch(() => undefined);
    },
  };
}

function endpointsOf(slice: ApiObject): readonly Endpoint[] {
  return (slice["endpoints"] ?? []) as readonly Endpoint[];
}

function addressesOf(endpoints: readonly Endpoint[]): readonly string[] {
  const ready = endpoints.filter(({ conditions }) => conditions.ready !== false);
  const leaving = endpoints.filter(
    ({ conditions }) => conditions.serving === true && conditions.terminating === true,
  );
  const used = ready.length > 0 ? ready : leaving;
  return [...new Set(used.flatMap(({ addresses }) => addresses))];
}
