import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startControlPlane, type ControlPlane } from "../cluster/control-plane.ts";
import { originalRole } from "../cluster/roles.ts";
import { callApi, type ApiAccess } from "../support/api-client.ts";
import { buildElector } from "../support/go-program.ts";
import { startElector, type RunningElector } from "./elector.ts";

const built = await buildElector();
const skip = built.path === undefined && built.reason;

let plane: ControlPlane;

before(async () => {
  if (!skip) plane = await startControlPlane();
});

after(() => plane?.close());

const flags = ["-lease-duration=3s", "-renew-deadline=2s", "-retry-period=200ms"];

test("startElector() hands the Lease over at SIGTERM", { skip }, async (t) => {
  const namespace = await plane.namespace("elector");
  await plane.serviceAccount(namespace, "elector", originalRole);
  const access = { ...plane.access, token: await plane.token(namespace, "elector") };
  const start = async (identity: string): Promise<RunningElector> => {
    const elector = await startElector(built.path!, {
      access,
      namespace,
      lock: "lock",
      identity,
      flags,
    });
    t.after(() => elector.close());
    return elector;
  };

  const first = await start("first");
  await first.untilEvent("leading");
  const second = await start("second");
  assert.equal((await second.untilEvent("observed-leader")).leader, "first");
  assert.equal(await holder(access, namespace), "first");

  first.signal("SIGTERM");
  assert.equal((await first.untilEvent("exit")).code, 0);
  assert.equal((await first.untilEvent("released")).ok, true);
  await second.untilEvent("leading");
  assert.equal(await holder(access, namespace), "second");
});

async function holder(access: ApiAccess, namespace: string): Promise<unknown> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/lock`;
  return (await callApi(access, "GET", path)).body.spec?.["holderIdentity"];
}
