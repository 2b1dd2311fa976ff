import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { serveApi, type ServeOptions } from "../../src/api-server/serve.ts";
import { ApiStore } from "../../src/api-server/store.ts";
import { type ApiAccess, callApi, watchApi } from "../support/api-client.ts";
import { makeCertificates } from "../support/certificates.ts";
import { lease, leasesPath, take } from "./room.ts";

const leases = leasesPath("default");

async function serve(t: TestContext, options: ServeOptions = {}): Promise<ApiAccess> {
  const served = await serveApi(new ApiStore(), options);
  t.after(() => served.close());
  return { url: served.url, caPem: "", token: "" };
}

test("serveApi() speaks plain HTTP without a certificate", async (t) => {
  const access = await serve(t);
  assert.match(access.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const created = await callApi(access, "POST", leases, lease("a", {}));
  assert.equal(created.status, 201);
  assert.deepEqual((await callApi(access, "GET", `${leases}/a`)).body, created.body);
});

test("serveApi() is not believed under a foreign certificate authority", async (t) => {
  const { certPem, keyPem } = await makeCertificates();
  const { caPem } = await makeCertificates();
  const { url } = await serve(t, { tls: { key: keyPem, cert: certPem } });
  await assert.rejects(callApi({ url, caPem, token: "" }, "GET", leases), /certificate/);
});

test("serveApi() stamps objects with the clock that it is given", async (t) => {
  const access = await serve(t, { now: () => Date.UTC(2001, 1, 3, 4, 5, 6) });
  const { body } = await callApi(access, "POST", leases, lease("a", {}));
  assert.equal(body.metadata?.creationTimestamp, "2001-02-03T04:05:06Z");
});

test("serveApi() sends bookmarks by its own clock", async (t) => {
  const access = await serve(t, { bookmarkMs: 5 });
  const watch = watchApi(access, `${leases}?watch=true&allowWatchBookmarks=true`);
  const events = await take(watch, 2);
  watch.close();
  assert.deepEqual(
    events.map(({ type }) => type),
    ["BOOKMARK", "BOOKMARK"],
  );
});

test("serveApi() lets a test take an exchange over", async (t) => {
  const seen: string[] = [];
  const access = await serve(t, {
    intercept: (request, response) => {
      seen.push(`${request.method} ${request.body ?? ""}`);
      if (request.method === "GET") return false;
      response.writeHead(429, { "retry-after": "1" }).end("{truncated");
      return true;
    },
  });
  const answer = await callApi(access, "POST", leases, "anything");
  assert.deepEqual([answer.status, answer.headers["retry-after"]], [429, "1"]);
  assert.equal((await callApi(access, "GET", leases)).status, 200);
  assert.deepEqual(seen, ["POST anything", "GET "]);
});

test("close() breaks open watches and those that hang", async () => {
  const served = await serveApi(new ApiStore(), {
    intercept: (request) => request.method === "POST",
  });
  const access = { url: served.url, caPem: "", token: "" };
  const watch = watchApi(access, `${leases}?watch=true`);
  assert.equal(await watch.status, 200);
  const hanging = assert.rejects(callApi(access, "POST", leases, lease("a", {})));
  const broken = assert.rejects(take(watch, 1));
  await served.close();
  await Promise.all([hanging, broken]);
  await assert.rejects(callApi(access, "GET", leases), { code: "ECONNREFUSED" });
});
