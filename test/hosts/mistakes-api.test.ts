/**
 * Mistakes that only the API server knows: none of them ends the entry point, for an operator can
 * mend each while it runs. Each is told once, and asked about ever less often.
 */
import assert from "node:assert/strict";
import { createServer as createTcpServer, type Server } from "node:net";
import { setTimeout as pauseMs } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import { after, before, describe, it, type TestContext } from "node:test";
import type { Verb } from "../../src/api-server/permissions.ts";
import { type ServeOptions, serveApi } from "../../src/api-server/serve.ts";
import { ApiStore } from "../../src/api-server/store.ts";
import { clusterEnvironment, mountServiceAccount } from "../cluster/pod-files.ts";
import { freePort } from "../cluster/server-processes.ts";
import { type Certificates, createAuthority, makeCertificates } from "../support/certificates.ts";
import { until } from "../support/processes.ts";
import { type Bin, startBin } from "./bin.ts";
import { calm, type Cluster, openCluster, type Seen, timing } from "./cluster.ts";
import { complaints, lacking, rightSettings } from "./mistakes.ts";

interface Refusal {
  readonly verb: Verb;
  /** What is asked in vain. */
  readonly what: Seen["what"];
  readonly isThere: boolean;
  readonly says: RegExp;
}

const refusals: readonly Refusal[] = [
  {
    verb: "get",
    what: "get",
    isThere: false,
    says: /cannot read the lease .*403: .*cannot get resource .*leases.* in the namespace .*default/,
  },
  {
    verb: "create",
    what: "claim",
    isThere: false,
    says: /cannot write the lease .*403: .*cannot create resource .*leases.* in the namespace .*default/,
  },
  {
    verb: "update",
    what: "claim",
    isThere: true,
    says: /cannot write the lease .*403: .*cannot update resource .*leases.* in the namespace .*default/,
  },
];

const argv = ["sh", "-c", "echo runs; exec sleep 60"];

/** Of P, doubled with every refusal: the spread is a fifth, and the clock has steps of 10 ms. */
const leastPausesMs = [0.75 * timing.retryMs, 1.5 * timing.retryMs];

describe("mistakes that the API server knows", { concurrency: 4, timeout: 60_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  for (const { verb, what, isThere, says } of refusals) {
    it(`N16 no right to ${verb} the lease`, async (t) => {
      const lease = `no-${verb}`;
      cluster.store.deny({ user: lease, verb, resource: "leases" });
      if (isThere) cluster.putLease(lease, {});
      const bin = await cluster.start(t, { lease, identity: lease, argv, env: calm });
      await untilAskedInVain(lease, what);
      await assertWaiting(t, bin, [says, lacking(verb)]);
    });
  }

  it("no right to watch the lease: polled", async (t) => {
    const lease = "no-watch";
    cluster.store.deny({ user: lease, verb: "watch", resource: "leases" });
    cluster.putLease(lease, { holderIdentity: "another", leaseDurationSeconds: 60 });
    const bin = await cluster.start(t, { lease, identity: lease, argv, env: calm });
    await until(() => cluster.seen(lease, "get").length >= 4, "four looks");
    assert.equal(cluster.seen(lease, "watch").length, 1, "asked once a minute");
    const says = /the watch is lost: looking instead .*403: .*cannot watch/;
    await assertWaiting(t, bin, [says, lacking("watch")]);
  });

  it("X10 no right to write the Endpoints: the command runs all the same", async (t) => {
    const lease = "no-endpoints";
    for (const resource of ["endpoints", "endpointslices"]) {
      cluster.store.deny({ user: lease, resource });
    }
    const env = {
      ...calm,
      K8S_AWAIT_ELECTION_SERVICE_NAME: lease,
      K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: '[{"port":80}]',
      K8S_AWAIT_ELECTION_POD_IP: "10.1.2.3",
    };
    const bin = await cluster.start(t, { lease, identity: lease, argv, env });
    await bin.output.first(/^runs/);
    await until(() => cluster.seen(lease, "endpoints").length === 2, "a second try");
    const [first, second] = cluster.seen(lease, "endpoints");
    assert.ok(second!.atMs - first!.atMs > 4500, "every 5 s");
    const says = /cannot write the Endpoints .*403: .*cannot get resource .*endpoints/;
    const missing = ["get, update, watch", "create"].map((verbs) => lacking(verbs, "endpoints"));
    assertSaid(t, bin, [says, ...missing]);
  });

  it("a namespace that is not there", async (t) => {
    const lease = "no-namespace";
    const env = { ...calm, K8S_AWAIT_ELECTION_LOCK_NAMESPACE: "nowhere" };
    const bin = await cluster.start(t, { lease, argv, env });
    await untilAskedInVain(lease, "claim");
    await assertWaiting(t, bin, [/cannot write the lease .*404: namespaces .*nowhere.* not found/]);
  });

  it("N15 a token of another cluster", async (t) => {
    const lease = "no-token";
    const bin = await cluster.start(t, { lease, argv, env: calm });
    // The process takes many times longer to start than this.
    cluster.store.revoke(`token-of-${lease}-one`);
    await bin.log.first(/cannot read the lease/);
    await assertWaiting(t, bin, [/cannot read the lease .*401: Unauthorized.*token/]);
  });

  it("X6 an identity that two pods share", async (t) => {
    const lease = "shared-identity";
    const first = await cluster.start(t, { lease, argv, env: calm });
    await first.output.first(/^runs/);
    const second = await cluster.start(t, { lease, argv, env: calm });
    await second.log.first(/the leader is "one"/);
    await cluster.renewals(lease, 3);
    assert.deepEqual(complaints(first), [], "the leader is not disturbed");
    await assertWaiting(t, second, [/another process has our identity .*one/]);
  });

  it("O7 a lease that a coordinator appoints", async (t) => {
    const store = new ApiStore({ coordinatedLeaderElection: true });
    const path = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    const metadata = { name: rightSettings["K8S_AWAIT_ELECTION_LOCK_NAME"] };
    const lease = { metadata, spec: { strategy: "OldestEmulationVersion" } };
    store.handle({ method: "POST", path, body: JSON.stringify(lease) }, Date.now());
    const { port, caPem } = await serve(t, store);
    const bin = await startAgainst(t, port, caPem, {
      K8S_AWAIT_ELECTION_LEASE_DURATION: "6",
      K8S_AWAIT_ELECTION_RENEW_DEADLINE: "4",
    });
    await bin.log.first(/blocked/, 0, 20_000);
    const says = [/spec.strategy says/, /blocked: .*appointed nobody.*strategy/];
    await assertWaiting(t, bin, says);
  });

  it("F6 a status port that is in use: the command runs all the same", async (t) => {
    const lease = "busy-port";
    const port = await listen(t, createTcpServer());
    const env = { ...calm, K8S_AWAIT_ELECTION_STATUS_ENDPOINT: `127.0.0.1:${port}` };
    const bin = await cluster.start(t, { lease, argv, env });
    await bin.output.first(/^runs/);
    await cluster.renewals(lease, 6);
    const says = new RegExp(`status endpoint cannot be served.*port ${port}: EADDRINUSE`);
    assertSaid(t, bin, [says]);
  });

  it("an API server that is not there: found once it is", async (t) => {
    const certificates = await makeCertificates();
    const port = await freePort();
    const bin = await startAgainst(t, port, certificates.caPem);
    await bin.log.first(/cannot read the lease/);
    // How long it is silent is the subject here.
    await pauseMs(3000);
    assertSaid(t, bin, [new RegExp(`cannot read the lease .*ECONNREFUSED 127.0.0.1:${port}`)]);
    const { keyPem: key, certPem: cert } = certificates;
    const api = await serveApi(new ApiStore(), { port, tls: { key, cert } });
    t.after(() => api.close());
    await bin.output.first(/^runs/);
    assert.match(bin.log.text, /can read the lease again/);
    assert.equal(complaints(bin).length, 1);
  });

  it("N2 a load balancer without an API server behind it", async (t) => {
    let isReset = false;
    const server = createTcpServer((socket) => {
      isReset = !isReset;
      // One outage, and two errors: which of them a client sees is a matter of microseconds.
      if (isReset) socket.resetAndDestroy();
      else socket.destroy();
    });
    const { caPem } = await makeCertificates();
    await assertUntrusted(t, server, caPem, /ECONNRESET 127.0.0.1:\d+/);
  });

  it("N19 an API server that refuses in other words each time", async (t) => {
    let asked = 0;
    const { port, caPem } = await serve(t, new ApiStore(), (_, response) => {
      asked += 1;
      const message = `dial tcp 10.0.0.9:${40_000 + asked}: i/o timeout`;
      response.writeHead(500).end(JSON.stringify({ kind: "Status", message }));
      return true;
    });
    const bin = await startAgainst(t, port, caPem);
    await until(() => asked >= 6, "six refusals");
    await assertWaiting(t, bin, [/cannot read the lease .*500: dial tcp/]);
  });

  it("N12 a CA of another cluster", async (t) => {
    const [right, other] = [await makeCertificates(), await createAuthority({ name: "other" })];
    const says = /cannot read the lease .*UNABLE_TO_VERIFY_LEAF_SIGNATURE.*certificate.*\bCA\b/;
    await assertUntrusted(t, serverOf(right), other.caPem, says);
  });

  it("N12 a certificate for another name", async (t) => {
    const names = ["kubernetes.default.svc"];
    const certificates = await makeCertificates({ addresses: ["10.0.0.1"], names });
    const says = /ERR_TLS_CERT_ALTNAME_INVALID.*127\.0\.0\.1.*10\.0\.0\.1/;
    await assertUntrusted(t, serverOf(certificates), certificates.caPem, says);
  });

  /** Three times, each later than the one before. */
  async function untilAskedInVain(lease: string, what: Seen["what"]): Promise<void> {
    const find = () => cluster.seen(lease, what).filter(({ status }) => status >= 400);
    await until(() => find().length >= 3, "three refusals");
    const at = find().map(({ atMs }) => atMs);
    for (const [index, leastMs] of leastPausesMs.entries()) {
      const pausedMs = at[index + 1]! - at[index]!;
      assert.ok(pausedMs >= leastMs, `refusal ${index + 2} came after ${pausedMs.toFixed(0)} ms`);
    }
  }
});

/** Told once, and tried again at least 0.4 s later each time. */
async function assertUntrusted(
  t: TestContext,
  server: Server,
  caPem: string,
  says: RegExp,
): Promise<void> {
  const cameAt: number[] = [];
  server.on("connection", () => cameAt.push(performance.now()));
  const bin = await startAgainst(t, await listen(t, server), caPem);
  await until(() => cameAt.length >= 5, "five attempts");
  const pauses = cameAt.slice(1).map((at, index) => at - cameAt[index]!);
  assert.ok(Math.min(...pauses) > 400, `pauses of ${pauses.map(Math.round).join()} ms`);
  await assertWaiting(t, bin, [says]);
}

/** It has said this and nothing else, runs nothing, waits, and can be stopped. */
async function assertWaiting(t: TestContext, bin: Bin, says: readonly RegExp[]): Promise<void> {
  assert.equal(bin.output.text, "", "nothing runs");
  assert.ok(!bin.hasEnded(), bin.log.text);
  bin.signal("SIGTERM");
  assert.deepEqual(await bin.ended, { code: 143, signal: null });
  assertSaid(t, bin, says);
}

function assertSaid(t: TestContext, bin: Bin, says: readonly RegExp[]): void {
  const lines = complaints(bin);
  t.diagnostic(lines.join("\n"));
  assert.equal(lines.length, says.length, bin.log.text);
  for (const [at, pattern] of says.entries()) assert.match(lines[at] ?? "", pattern);
}

async function startAgainst(
  t: TestContext,
  port: number,
  caPem: string,
  durations: Readonly<Record<string, string>> = {},
): Promise<Bin> {
  const mount = await mountServiceAccount({ token: "secret", caPem, namespace: "default" });
  t.after(() => mount.remove());
  const env = {
    ...rightSettings,
    ...clusterEnvironment({ host: "127.0.0.1", port }, mount),
    ...calm,
    K8S_AWAIT_ELECTION_RETRY_PERIOD: "1",
    ...durations,
  };
  return startBin(t, { argv, env });
}

/** The embedded API server, without the records of a `Cluster`. */
async function serve(
  t: TestContext,
  store: ApiStore,
  intercept?: ServeOptions["intercept"],
): Promise<{ readonly port: number; readonly caPem: string }> {
  const { caPem, certPem: cert, keyPem: key } = await makeCertificates();
  const api = await serveApi(store, { tls: { key, cert }, ...(intercept && { intercept }) });
  t.after(() => api.close());
  return { port: api.port, caPem };
}

function serverOf({ certPem, keyPem }: Certificates): Server {
  const server = createTlsServer({ cert: certPem, key: keyPem });
  // A client that turns away is what is looked for.
  server.on("tlsClientError", () => {});
  return server;
}

/** On any port; everything is closed after the test. */
async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}
