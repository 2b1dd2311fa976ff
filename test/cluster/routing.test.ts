/**
 * The Service with the real controllers of Kubernetes: what a reader of its EndpointSlices sees, of a
 * rolling update from the original and back too. The original is played by its one blind write.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { callApi } from "../support/api-client.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { type Controllers, startControllers } from "./controllers.ts";
import { deploy, lockName, type Replica } from "./replicas.ts";
import { sliceRole } from "./roles.ts";
import { printedAtMs, putService, serve, type Served, serviceName } from "./serving.ts";
import { until } from "./until.ts";

const mirroring = "endpointslicemirroring-controller.k8s.io";
const managedBy = "endpointslice.kubernetes.io/managed-by";

describe("routing with the real controllers", { timeout: 200_000 }, () => {
  let plane: ControlPlane;
  let controllers: Controllers;
  before(async () => {
    plane = await startControlPlane();
    controllers = await startControllers(plane, [
      "endpoints-controller",
      "endpointslice-controller",
      "endpointslice-mirroring-controller",
    ]);
  });
  after(async () => {
    await controllers?.close();
    await plane?.close();
  });

  it("X10 a rolling update from the original to us and back has one address all the way", async (t) => {
    const served = await serve(t, plane);
    const { proxy } = served;
    await writeAsOriginal(served, "10.9.0.1");
    await untilRouted(served, "10.9.0.1");
    const first = await served.start();
    await untilRouted(served, served.addressOf(first));
    assert.deepEqual(await slicesBy(served), [mirroring], "beside the original: Endpoints");
    await stop(served, first);
    const second = await served.start();
    await untilRouted(served, served.addressOf(second));
    assert.deepEqual(await slicesBy(served), ["k8s-await-election"], "without it: a slice");
    await stop(served, second);
    await writeAsOriginal(served, "10.9.0.2");
    await untilRouted(served, "10.9.0.2");
    assert.deepEqual(
      proxy.history.filter((addresses) => addresses.length > 1),
      [],
    );
    const ips = [first, second].map((replica) => served.addressOf(replica));
    assert.deepEqual(
      proxy.history.filter((addresses) => addresses.length > 0),
      [["10.9.0.1"], [ips[0]], [ips[1]], ["10.9.0.2"]],
    );
  });

  it("X10 after a crash there is one address too, and with slices asked for in the end", async (t) => {
    const served = await serve(t, plane);
    const old = await served.start({ K8S_AWAIT_ELECTION_SERVICE_KIND: "endpoints" });
    await untilRouted(served, served.addressOf(old));
    await old.crash();
    const next = await served.start();
    await untilRouted(served, served.addressOf(next));
    assert.deepEqual(await slicesBy(served), [mirroring]);
    await next.crash();
    const ips = [old, next].map((replica) => [served.addressOf(replica)]);
    assert.deepEqual(served.proxy.history, ips);
    const last = await served.start({ K8S_AWAIT_ELECTION_SERVICE_KIND: "endpointslice" });
    await untilRouted(served, served.addressOf(last));
    assert.deepEqual(await slicesBy(served), ["k8s-await-election"]);
    await stop(served, last);
  });

  it("X10 a Service with a selector is refused, and the command runs", async (t) => {
    const deployment = await deploy(t, plane, { rules: sliceRole(lockName, serviceName) });
    const { namespace } = deployment;
    await putService(plane, namespace, { ports: [{ port: 80 }], selector: { app: "web" } });
    const { bin } = await deployment.start({
      K8S_AWAIT_ELECTION_SERVICE_NAME: serviceName,
      K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: '[{"port":80}]',
      K8S_AWAIT_ELECTION_POD_IP: "10.1.2.3",
    });
    await deployment.untilStarts(1);
    await bin.log.first(/ERROR the Service has a selector.* seenBy=Service/);
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
    const { items } = (await deployment.operator.call("GET", path)) as {
      readonly items?: readonly { readonly endpoints: unknown }[];
    };
    assert.ok(items?.every(({ endpoints }) => endpoints === null));
  });

  /** As a whole, over whatever there is, with no mark: the original's way. */
  async function writeAsOriginal({ deployment }: Served, ip: string): Promise<void> {
    const subsets = [{ addresses: [{ ip }], ports: [{ name: "tcp", port: 80 }] }];
    const metadata = { name: serviceName };
    const body = { apiVersion: "v1", kind: "Endpoints", metadata, subsets };
    const path = `/api/v1/namespaces/${deployment.namespace}/endpoints/${serviceName}`;
    const { status, text } = await callApi(plane.access, "PUT", path, body);
    assert.ok(status === 200 || status === 201, text);
  }
});

async function untilRouted({ proxy, deployment }: Served, address: string): Promise<void> {
  try {
    await until(`a route to ${address}`, () =>
      proxy.addresses.join() === address ? true : undefined,
    );
  } catch (error) {
    throw new Error(`${String(error)}\n${deployment.logs()}`, { cause: error });
  }
}

/** Gracefully, so that nobody is named any more. */
async function stop({ proxy }: Served, replica: Replica): Promise<void> {
  // The route is there before the command runs, and so before it heeds any signal.
  await printedAtMs(replica, "serves");
  const { bin } = replica;
  bin.signal("SIGTERM");
  assert.deepEqual(await bin.ended, { code: 0, signal: null });
  await until("no route", () => (proxy.addresses.length === 0 ? true : undefined));
}

/** Who manages the slices that name somebody. */
async function slicesBy({ deployment }: Served): Promise<readonly unknown[]> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${deployment.namespace}/endpointslices`;
  const { items } = (await deployment.operator.call("GET", path)) as {
    readonly items?: readonly {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly endpoints: readonly unknown[] | null;
    }[];
  };
  const filled = (items ?? []).filter(({ endpoints }) => (endpoints ?? []).length > 0);
  return filled.map(({ metadata }) => metadata.labels[managedBy]);
}
