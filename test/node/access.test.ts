import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openAccess } from "../../src/node/api/access.ts";
import { createReread } from "../../src/node/api/reread.ts";
import { createAuthority } from "../support/certificates.ts";
import { temporaryFolder } from "../support/processes.ts";
import { authority, certificate, connectTo, serve } from "./loopback-api.ts";

const claims = { "kubernetes.io": { pod: { name: "web-0", uid: "uid-of-web-0" } } };

function tokenOf(payload: unknown): string {
  return `header.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.signature`;
}

/** A service account as the kubelet mounts it. */
function mountAccount(t: TestContext, token: string = tokenOf(claims)): string {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "token"), `${token}\n`);
  writeFileSync(join(folder, "ca.crt"), authority.caPem);
  return folder;
}

function environmentOf(folder: string, host: string = "10.0.0.1"): Record<string, string> {
  return {
    KUBERNETES_SERVICE_HOST: host,
    KUBERNETES_SERVICE_PORT: "443",
    K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR: folder,
  };
}

/** Replaces a file at once, as the kubelet does. */
function replace(file: string, content: string): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}

test("openAccess() takes server, credentials and pod from the service account", async (t) => {
  const folder = mountAccount(t);
  const access = await openAccess(environmentOf(folder));
  assert.equal(access.problem, undefined);
  assert.equal(access.podName, "web-0");
  assert.equal(access.podUid, "uid-of-web-0");
  assert.deepEqual(await access.server(), {
    host: "10.0.0.1",
    port: 443,
    basePath: "",
    tls: { serverName: "10.0.0.1", ca: authority.caPem.trim() },
    headers: { Authorization: `Bearer ${tokenOf(claims)}` },
  });
});

test("openAccess() takes IPv6 with and without brackets", async (t) => {
  for (const host of ["fd00::1", "[fd00::1]"]) {
    const access = await openAccess(environmentOf(mountAccount(t), host));
    assert.equal((await access.server()).host, "fd00::1");
  }
});

test("openAccess() knows no pod from a token of another kind", async (t) => {
  for (const token of [
    "opaque",
    "a.b.c",
    tokenOf(null),
    tokenOf({ "kubernetes.io": { pod: 1 } }),
  ]) {
    const access = await openAccess(environmentOf(mountAccount(t, token)));
    assert.equal(access.problem, undefined);
    assert.equal(access.podUid, undefined);
    assert.equal(access.podName, undefined);
  }
});

test("openAccess() says what to do when there is no API server", async () => {
  const { problem = "" } = await openAccess({ KUBERNETES_SERVICE_HOST: "10.0.0.1" });
  assert.match(problem, /^Cannot find the API server: .*K8S_AWAIT_ELECTION_KUBECONFIG/u);
});

test("openAccess() prefers our kubeconfig, then the pod, then KUBECONFIG", async (t) => {
  const pod = environmentOf(mountAccount(t));
  const own = { K8S_AWAIT_ELECTION_KUBECONFIG: "/nowhere/own" };
  const common = { KUBECONFIG: "/nowhere/common" };
  assert.match((await openAccess({ ...pod, ...own, ...common })).problem ?? "", /nowhere\/own/u);
  assert.equal((await openAccess({ ...pod, ...common })).problem, undefined);
  assert.match((await openAccess(common)).problem ?? "", /nowhere\/common/u);
});

test("openAccess() refuses a port that is none", async (t) => {
  const environment = { ...environmentOf(mountAccount(t)), KUBERNETES_SERVICE_PORT: "https" };
  const access = await openAccess(environment);
  assert.match(access.problem ?? "", /KUBERNETES_SERVICE_PORT is "https", not a port/u);
});

type Harm = (file: string) => void;

const harms: Readonly<Record<string, [Harm, RegExp]>> = {
  missing: [(file) => rmSync(file), /ENOENT/u],
  empty: [(file) => writeFileSync(file, " \n"), /is empty/u],
  "of 1 GB": [(file) => truncateSync(file, 1e9), /longer than \d+ bytes/u],
  "a folder": [
    (file) => {
      rmSync(file);
      mkdirSync(file);
    },
    /not a regular file/u,
  ],
  "a FIFO": [
    (file) => {
      rmSync(file);
      spawnSync("mkfifo", [file]);
    },
    /not a regular file/u,
  ],
  garbage: [(file) => writeFileSync(file, "two words\n"), /not one word|no PEM certificate/u],
};

for (const name of ["token", "ca.crt"]) {
  for (const [what, [harm, expected]] of Object.entries(harms)) {
    test(`F5 openAccess() names a ${name} file that is ${what}`, async (t) => {
      const folder = mountAccount(t);
      harm(join(folder, name));
      const access = await openAccess(environmentOf(folder));
      assert.ok(access.problem?.includes(join(folder, name)));
      assert.match(access.problem ?? "", expected);
      await assert.rejects(access.server(), expected);
    });
  }
}

test("F5 server() works once the files are there", async (t) => {
  const folder = temporaryFolder(t);
  const access = await openAccess(environmentOf(folder));
  assert.match(access.problem ?? "", /ENOENT/u);
  writeFileSync(join(folder, "token"), "late");
  writeFileSync(join(folder, "ca.crt"), authority.caPem);
  assert.deepEqual((await access.server()).headers, { Authorization: "Bearer late" });
});

test("N13 server() reads token and CA again after a minute", async (t) => {
  const folder = mountAccount(t);
  const access = await openAccess(environmentOf(folder));
  const twice = `${authority.caPem}\n${authority.caPem}`.trim();
  replace(join(folder, "token"), "second");
  replace(join(folder, "ca.crt"), twice);
  assert.notDeepEqual((await access.server()).headers, { Authorization: "Bearer second" });
  const now = performance.now() + 60_000;
  t.mock.method(performance, "now", () => now);
  const { headers, tls } = await access.server();
  assert.deepEqual(headers, { Authorization: "Bearer second" });
  assert.equal(tls?.ca, twice);
});

test("F5 server() keeps the last token when it cannot be read again", async (t) => {
  const folder = mountAccount(t, "first");
  const access = await openAccess(environmentOf(folder));
  rmSync(folder, { recursive: true });
  access.refused();
  assert.deepEqual((await access.server()).headers, { Authorization: "Bearer first" });
});

test("N14 request() sends the new token after a 401", async (t) => {
  const folder = mountAccount(t, "first");
  const seen: unknown[] = [];
  const { port } = await serve(t, ({ headers }, response) => {
    seen.push(headers.authorization);
    response.writeHead(headers.authorization === "Bearer second" ? 200 : 401).end("{}");
  });
  const access = await openAccess({
    ...environmentOf(folder, "127.0.0.1"),
    KUBERNETES_SERVICE_PORT: String(port),
  });
  const client = connectTo(t, port, access);
  replace(join(folder, "token"), "second");
  await client.ask();
  const report = await client.ask();
  assert.equal(report.type === "answered" && report.status, 200);
  assert.deepEqual(seen, ["Bearer first", "Bearer second"]);
});

test("N13 request() trusts the new CA once it was read", async (t) => {
  const folder = mountAccount(t, "token");
  const { port } = await serve(t, (_, response) => response.end("{}"), { certificate });
  const former = await createAuthority({ name: "former" });
  writeFileSync(join(folder, "ca.crt"), former.caPem);
  const access = await openAccess({
    ...environmentOf(folder, "127.0.0.1"),
    KUBERNETES_SERVICE_PORT: String(port),
  });
  const client = connectTo(t, port, access);
  assert.equal((await client.ask()).type, "unanswered");
  replace(join(folder, "ca.crt"), authority.caPem);
  access.refused();
  assert.equal((await client.ask()).type, "answered");
});

test("get() joins those who wait, and keeps the last value when a reading hangs", async (t) => {
  // The wait for a reading does not keep a process alive.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  let readings = 0;
  const answers = [Promise.resolve("first"), new Promise<string>(() => {})];
  const value = createReread(() => answers[readings++]!, 60_000);
  assert.deepEqual(await Promise.all([value.get(), value.get()]), ["first", "first"]);
  assert.equal(readings, 1);
  value.expire();
  assert.deepEqual(await Promise.all([value.get(), value.get()]), ["first", "first"]);
  assert.equal(readings, 2);
});
