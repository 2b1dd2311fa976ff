/** The connections that electors share: HTTP/2 where the server speaks it, HTTP/1.1 where not. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { Report } from "../../src/core/protocol.ts";
import { serveApi } from "../../src/api-server/serve.ts";
import { ApiStore } from "../../src/api-server/store.ts";
import { createTransport } from "../../src/library/transport/transport.ts";
import type { Server } from "../../src/node/api/server.ts";
import { makeCertificates } from "../support/certificates.ts";
import { until } from "../support/processes.ts";
import { openProxy } from "./counting-proxy.ts";

const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const certificates = await makeCertificates();

describe("createTransport()", () => {
  // Over HTTP/1.1 it is one each, and one that learns it.
  for (const [isHttp2, most] of [
    [true, 2],
    [false, 61],
  ] as const) {
    it(`carries 30 watches over at most ${most} connections, HTTP/2: ${isHttp2}`, async (t) => {
      const { transport, store, proxy } = await connect(t, isHttp2);
      const links = Array.from({ length: 30 }, (_, index) => {
        const reports: Report[] = [];
        const link = transport.open((report) => reports.push(report));
        t.after(() => link.close());
        const query = `watch=true&fieldSelector=metadata.name%3Done-${index}`;
        link.watch({ type: "watch", id: "w", path: `${leases}?${query}`, timeoutMs: 5000 });
        return { link, reports };
      });
      const has = (type: string) =>
        links.every(({ reports }) => reports.some((it) => it.type === type));
      await until(() => has("opened"), "all watches are open");
      for (const [index, { link }] of links.entries()) {
        const body = JSON.stringify({
          apiVersion: "coordination.k8s.io/v1",
          kind: "Lease",
          metadata: { name: `one-${index}` },
          spec: {},
        });
        const request = { type: "request", method: "POST", path: leases, timeoutMs: 5000 } as const;
        link.request({ ...request, id: "r", body });
      }
      await until(() => has("answered") && has("line"), "all were answered and told");
      for (const { reports } of links) {
        const answers = reports.filter((it) => it.type === "answered");
        assert.deepEqual(
          answers.map(({ status }) => status),
          [201],
        );
        assert.equal(reports.filter(({ type }) => type === "line").length, 1);
      }
      assert.ok(proxy.accepted() <= most, `${proxy.accepted()} connections`);
      assert.ok(store.snapshot().version >= 30);
    });
  }

  it("closes every connection with the last of its users", async (t) => {
    const { transport, proxy } = await connect(t, true);
    const reports: Report[] = [];
    const links = [1, 2].map(() => transport.open((report) => reports.push(report)));
    for (const link of links) {
      link.request({ type: "request", id: "r", method: "GET", path: leases, timeoutMs: 5000 });
    }
    await until(() => reports.length === 2, "both were answered");
    links[0]!.close();
    assert.equal(proxy.open(), 1);
    links[1]!.close();
    await until(() => proxy.open() === 0, "the connection is closed");
  });

  it("L6 takes a new connection when one is silent, and gives its watches up", async (t) => {
    const { transport, proxy } = await connect(t, true);
    const reports: Report[] = [];
    const link = transport.open((report) => reports.push(report));
    t.after(() => link.close());
    const of = (id: string) => reports.filter((it) => "id" in it && it.id === id);
    link.watch({ type: "watch", id: "w", path: `${leases}?watch=true`, timeoutMs: 5000 });
    await until(() => of("w").length > 0, "the watch is open");
    proxy.silence();
    const get = { type: "request", method: "GET", path: leases } as const;
    link.request({ ...get, id: "lost", timeoutMs: 500 });
    await until(() => of("lost").length > 0, "the request has timed out");
    assert.equal(of("lost")[0]!.type, "unanswered");
    link.request({ ...get, id: "found", timeoutMs: 3000, fresh: true });
    await until(() => of("found").length > 0, "the next one was answered");
    assert.equal(of("found")[0]!.type, "answered");
    await until(() => of("w").at(-1)?.type === "ended", "the watch has ended too");
  });

  it("abandons one exchange without harm to the others", async (t) => {
    const { transport, proxy } = await connect(t, true);
    const reports: Report[] = [];
    const link = transport.open((report) => reports.push(report));
    t.after(() => link.close());
    for (const id of ["w1", "w2"]) {
      link.watch({ type: "watch", id, path: `${leases}?watch=true`, timeoutMs: 5000 });
    }
    await until(() => reports.length === 2, "both are open");
    link.abandon("w1");
    link.request({ type: "request", id: "r", method: "GET", path: leases, timeoutMs: 5000 });
    await until(() => reports.length === 3, "the request was answered");
    assert.deepEqual(
      reports.map(({ type }) => type),
      ["opened", "opened", "answered"],
    );
    assert.equal(proxy.accepted(), 1);
  });
});

async function connect(t: TestContext, isHttp2: boolean) {
  const { caPem, certPem, keyPem } = certificates;
  const store = new ApiStore();
  const api = await serveApi(store, { tls: { key: keyPem, cert: certPem }, isHttp2 });
  const proxy = await openProxy(api.port);
  t.after(async () => {
    proxy.close();
    await api.close();
  });
  const tls = { serverName: "127.0.0.1", ca: caPem };
  const server: Server = { host: "127.0.0.1", port: proxy.port, basePath: "", tls, headers: {} };
  const access = { server: () => Promise.resolve(server), refused() {} };
  return { transport: createTransport(access), store, proxy };
}
