import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Access } from "../../src/node/api/server.ts";
import { openKubeconfigAccess } from "../../src/node/api/kubeconfig.ts";
import { temporaryFolder } from "../support/processes.ts";
import { authority, connectTo, serve } from "./loopback-api.ts";

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: string;
}

/** A kubeconfig with one context; JSON is YAML too. */
function writeConfig(t: TestContext, { cluster, user, context = "c" }: Parts): string {
  const file = join(temporaryFolder(t), "config");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": context,
    clusters: [{ name: "c", cluster: { server: "https://10.0.0.1:6443", ...cluster } }],
    users: [{ name: "u", user: user ?? {} }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

function openConfig(t: TestContext, parts: Parts): Promise<Access> {
  return openKubeconfigAccess({ files: writeConfig(t, parts) });
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

test("openKubeconfigAccess() takes server, CA and token", async (t) => {
  const access = await openConfig(t, {
    cluster: {
      server: "https://rancher.example/k8s/clusters/c-1/",
      "certificate-authority-data": base64(authority.caPem),
      "tls-server-name": "other.example",
    },
    user: { token: "t" },
  });
  assert.equal(access.problem, undefined);
  assert.deepEqual(await access.server(), {
    host: "rancher.example",
    port: 443,
    basePath: "/k8s/clusters/c-1",
    tls: { serverName: "other.example", ca: authority.caPem },
    headers: { Authorization: "Bearer t" },
  });
});

test("openKubeconfigAccess() takes a client certificate", async (t) => {
  const { certPem, keyPem } = await authority.issue();
  const access = await openConfig(t, {
    user: { "client-certificate-data": base64(certPem), "client-key-data": base64(keyPem) },
  });
  const { tls } = await access.server();
  assert.deepEqual(tls, { serverName: "10.0.0.1", cert: certPem, key: keyPem });
});

test("openKubeconfigAccess() joins several files", async (t) => {
  const first = writeConfig(t, { user: { token: "first" } });
  const second = writeConfig(t, { user: { token: "second" } });
  const rest = JSON.parse(readFileSync(second, "utf8")) as Record<string, unknown[]>;
  writeFileSync(
    second,
    JSON.stringify({ users: [], clusters: [], contexts: [], kind: rest["kind"] }),
  );
  const access = await openKubeconfigAccess({ files: `${first}::${second}` });
  assert.equal(access.problem, undefined);
  assert.deepEqual((await access.server()).headers, { Authorization: "Bearer first" });
});

test("N14 server() asks the credential plugin, and again after a 401", async (t) => {
  const folder = temporaryFolder(t);
  const script = `
    const { appendFileSync, readFileSync } = require("node:fs");
    appendFileSync("${folder}/asked", "x");
    const token = "token-" + readFileSync("${folder}/asked", "utf8").length;
    const expirationTimestamp = "2999-01-01T00:00:00Z";
    console.log(JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential", status: { token, expirationTimestamp } }));`;
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: process.execPath,
    args: ["-e", script],
  };
  const access = await openConfig(t, { user: { exec } });
  assert.equal(access.problem, undefined);
  assert.deepEqual((await access.server()).headers, { Authorization: "Bearer token-1" });
  access.refused();
  // A plugin slower than the patience of one call is waited for by the next.
  let { headers } = await access.server();
  for (let calls = 1; calls < 20 && headers["Authorization"] === "Bearer token-1"; calls += 1) {
    ({ headers } = await access.server());
  }
  assert.deepEqual(headers, { Authorization: "Bearer token-2" });
});

test("server() says what a credential plugin said, without anything like a token", async (t) => {
  const script = "console.error('denied for eyJhbGciOi.eyJzdWIi.c2ln'); process.exit(1)";
  const exec = { command: process.execPath, args: ["-e", script] };
  const { problem = "" } = await openConfig(t, { user: { exec } });
  assert.match(problem, /^Cannot use the kubeconfig ".*": denied for <token>/u);
});

test("openKubeconfigAccess() allows plain HTTP on loopback addresses only", async (t) => {
  for (const server of ["http://127.0.0.1:8001", "http://[::1]:8001"]) {
    const access = await openConfig(t, { cluster: { server }, user: { token: "t" } });
    assert.equal(access.problem, undefined);
    access.refused();
    const { tls, port } = await access.server();
    assert.equal(tls, undefined);
    assert.equal(port, 8001);
  }
  for (const server of ["http://10.0.0.1", "http://localhost:8001", "http://127.evil.example"]) {
    const { problem = "" } = await openConfig(t, { cluster: { server } });
    assert.match(problem, /must be https:\/\/, or http:\/\/ with a loopback address/u);
  }
});

test("openKubeconfigAccess() refuses what is unsafe or unsupported", async (t) => {
  const unsafe = { cluster: { "insecure-skip-tls-verify": true } };
  assert.match((await openConfig(t, unsafe)).problem ?? "", /insecure-skip-tls-verify.*refused/u);
  const proxied = { cluster: { "proxy-url": "http://10.0.0.2:3128" } };
  assert.match((await openConfig(t, proxied)).problem ?? "", /proxy-url/u);
});

test("openKubeconfigAccess() names a file that is missing or unclear", async (t) => {
  const missing = await openKubeconfigAccess({ files: "/nowhere/config" });
  assert.match(missing.problem ?? "", /^Cannot use the kubeconfig "\/nowhere\/config": .*ENOENT/u);
  await assert.rejects(missing.server(), /ENOENT/u);
  const unclear = await openConfig(t, { context: "absent" });
  assert.match(unclear.problem ?? "", /the current context is "absent", which has no cluster/u);
});

test("openKubeconfigAccess() says what to install", async () => {
  const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
  const access = await openKubeconfigAccess({
    files: "config",
    loadClient: () => Promise.reject(missing),
  });
  assert.match(access.problem ?? "", /@kubernetes\/client-node is not installed. Install it/u);
});

test("request() goes through a kubeconfig with TLS", async (t) => {
  const { port } = await serve(t, ({ headers }, response) => response.end(headers.authorization));
  const access = await openConfig(t, {
    cluster: {
      server: `https://127.0.0.1:${port}`,
      "certificate-authority-data": base64(authority.caPem),
    },
    user: { username: "name", password: "word" },
  });
  const report = await connectTo(t, port, access).ask();
  assert.equal(report.type === "answered" && report.body, `Basic ${base64("name:word")}`);
});
