import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { clusterEnvironment, mountServiceAccount } from "./pod-files.ts";

const files = { token: "old", caPem: "certificate", namespace: "here" };

test("mountServiceAccount() has the kubelet's layout, also after rotate()", async () => {
  const mount = await mountServiceAccount(files);
  const read = (name: string): Promise<string> => readFile(join(mount.folder, name), "utf8");
  const link = (name: string): Promise<string> => readlink(join(mount.folder, name));
  assert.deepEqual([await read("token"), await read("namespace")], ["old", "here"]);
  const before = await link("..data");

  await mount.rotate("new");
  assert.deepEqual([await read("token"), await read("ca.crt")], ["new", "certificate"]);
  assert.equal(await link("token"), "..data/token");
  const after = await link("..data");
  assert.notEqual(after, before);
  const names = ["..data", after, "ca.crt", "namespace", "token"].sort();
  assert.deepEqual((await readdir(mount.folder)).sort(), names);

  await mount.remove();
  assert.ok(!existsSync(mount.folder));
});

test("clusterEnvironment() names the server and the folder", async () => {
  const mount = await mountServiceAccount(files);
  assert.deepEqual(clusterEnvironment({ host: "127.0.0.1", port: 6443 }, mount), {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: "6443",
    K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR: mount.folder,
  });
  await mount.remove();
});
