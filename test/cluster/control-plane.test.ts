import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { callApi, type ApiAccess } from "../support/api-client.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";
import { ourRole, originalRole, roleWithoutWatch, type PolicyRule } from "./roles.ts";
import { until } from "./until.ts";

let plane: ControlPlane;

before(async () => {
  plane = await startControlPlane();
});

after(() => plane?.close());

/** Somebody with these rights, in a namespace with a Lease named "lock". */
async function somebody(rules: readonly PolicyRule[]): Promise<{
  readonly access: ApiAccess;
  readonly leases: string;
}> {
  const namespace = await plane.namespace("roles");
  await plane.serviceAccount(namespace, "somebody", rules);
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const made = await callApi(plane.access, "POST", leases, { metadata: { name: "lock" } });
  assert.equal(made.status, 201, made.text);
  const token = await plane.token(namespace, "somebody");
  return { access: { ...plane.access, token }, leases };
}

async function statusOf(access: ApiAccess, method: string, path: string): Promise<number> {
  return (await callApi(access, method, path, method === "POST" ? {} : undefined)).status;
}

// timeoutSeconds makes the server end a watch that it allowed.
const watchOfLock = "?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dlock";

test("roleWithoutWatch allows get and refuses watch", async () => {
  const { access, leases } = await somebody(roleWithoutWatch);
  assert.equal(await statusOf(access, "GET", `${leases}/lock`), 200);
  assert.equal(await statusOf(access, "GET", leases + watchOfLock), 403);
});

test("ourRole() allows the lock by name and nothing else", async () => {
  const { access, leases } = await somebody(ourRole("lock"));
  assert.equal(await statusOf(access, "GET", `${leases}/lock`), 200);
  assert.equal(await statusOf(access, "GET", leases + watchOfLock), 200);
  assert.equal(await statusOf(access, "GET", `${leases}/other`), 403);
  assert.equal(await statusOf(access, "GET", leases), 403);
  assert.equal(await statusOf(access, "DELETE", `${leases}/lock`), 403);
  // 422: authorized, and then found to have no name.
  assert.equal(await statusOf(access, "POST", leases), 422);
});

test("originalRole allows every Lease of the namespace, but no deletion", async () => {
  const { access, leases } = await somebody(originalRole);
  assert.equal(await statusOf(access, "GET", leases), 200);
  assert.equal(await statusOf(access, "GET", `${leases}/other`), 404);
  assert.equal(await statusOf(access, "DELETE", `${leases}/lock`), 403);
});

test("token() bound to a pod ends with the pod", async () => {
  const { access, leases } = await somebody(roleWithoutWatch);
  const namespace = leases.split("/").at(-2)!;
  const pod = await plane.pod(namespace, "pod", "somebody");
  const first = { ...access, token: await plane.token(namespace, "somebody", { pod }) };
  const second = { ...access, token: await plane.token(namespace, "somebody", { pod }) };
  assert.equal(await statusOf(first, "GET", `${leases}/lock`), 200);

  await callApi(plane.access, "DELETE", `/api/v1/namespaces/${namespace}/pods/pod`);
  // Not the first one: the API server goes on trusting a token for 10 s after it checked it.
  await until("the refusal of the other token", async () =>
    (await statusOf(second, "GET", `${leases}/lock`)) === 401 ? true : undefined,
  );
});

test("restartApiServer() keeps what was stored", async () => {
  const namespace = await plane.namespace("kept");
  const before = plane.processIds;
  await plane.restartApiServer();
  assert.equal(await statusOf(plane.access, "GET", `/api/v1/namespaces/${namespace}`), 200);
  assert.equal(plane.processIds.etcd, before.etcd);
  assert.notEqual(plane.processIds.apiServer, before.apiServer);
});

test("close() leaves no process", async () => {
  const other = await startControlPlane();
  const { etcd, apiServer } = other.processIds;
  assert.ok(existsSync(`/proc/${etcd}`) && existsSync(`/proc/${apiServer}`));
  await other.close();
  assert.ok(!existsSync(`/proc/${etcd}`) && !existsSync(`/proc/${apiServer}`));
});
