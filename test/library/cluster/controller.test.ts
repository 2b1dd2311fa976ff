/** `examples/controller` on a real kube-apiserver: its informer runs only while it leads. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type ControlPlane, startControlPlane } from "../../cluster/control-plane.ts";
import { operatorOf } from "../../cluster/operator.ts";
import { ourRole } from "../../cluster/roles.ts";
import { until } from "../../cluster/until.ts";
import { temporaryFolder } from "../../support/processes.ts";
import { startExample } from "../examples/program.ts";
import { kubeconfigOf } from "../member.ts";

let plane: ControlPlane;
before(async () => {
  plane = await startControlPlane();
});
after(() => plane?.close());

const verbs = ["get", "list", "watch", "create", "update"];

test("controller.mjs reconciles while it leads, and hands over on SIGTERM", async (t) => {
  const namespace = await plane.namespace("controller");
  await plane.serviceAccount(namespace, "app", [
    ...ourRole("copy-controller"),
    { apiGroups: [""], resources: ["configmaps"], verbs },
  ]);
  const token = await plane.token(namespace, "app");
  const file = join(temporaryFolder(t), "kubeconfig");
  writeFileSync(file, kubeconfigOf({ ...plane.access, token }));
  const operator = operatorOf(plane.access, namespace, "copy-controller");
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const add = (name: string) =>
    operator.call("POST", path, {
      metadata: { name, labels: { "example.com/copy": "true" } },
      data: { text: name },
    });
  const copyOf = (name: string) =>
    until(`the copy of ${name}`, async () => {
      const { items = [] } = await operator.call("GET", path);
      const found = items.find(({ metadata }) => metadata?.name === `${name}-copy`);
      return found?.["data"] as { text: string; copiedBy: string } | undefined;
    });
  const start = () =>
    startExample(t, "controller/controller.mjs", { KUBECONFIG: file, NAMESPACE: namespace });

  const first = start();
  await first.untilSaid(/informer started/);
  const second = start();
  await second.untilSaid(/the leader is/);
  await add("one");
  const one = await copyOf("one");
  assert.equal(one.text, "one");
  assert.equal(one.copiedBy, await operator.holder());
  assert.doesNotMatch(second.said(), /informer started/);
  first.child.kill("SIGTERM");
  assert.equal(await first.ended, 0, first.said());
  assert.match(first.said(), /informer stopped[^]*released the lease/);
  await second.untilSaid(/informer started/);
  await add("two");
  const two = await copyOf("two");
  assert.equal(two.copiedBy, await operator.holder());
  assert.notEqual(two.copiedBy, one.copiedBy);
});
