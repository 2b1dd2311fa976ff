import assert from "node:assert/strict";
import { test } from "node:test";
import { callApi } from "../support/api-client.ts";
import {
  assertFailure,
  endpoints,
  lease,
  leasesPath,
  nameOf,
  type Room,
  versionOf,
} from "./room.ts";

export function readTests(open: () => Room): void {
  test("get() answers 404 NotFound for a missing object, even in a missing namespace", async () => {
    const room = open();
    for (const path of [`${room.leases}/missing`, `${leasesPath("missing")}/missing`]) {
      const answer = await room.call("GET", path);
      assertFailure(answer, 404, "NotFound", 'leases.coordination.k8s.io "missing" not found');
      const details = { name: "missing", group: "coordination.k8s.io", kind: "leases" };
      assert.deepEqual(answer.body.details, details);
    }
    const answer = await room.call("GET", `${room.endpoints}/missing`);
    assertFailure(answer, 404, "NotFound", 'endpoints "missing" not found');
    assert.deepEqual(answer.body.details, { name: "missing", kind: "endpoints" });
  });

  test("get() takes any version that has been, and no other", async () => {
    const room = open();
    const created = await room.lease();
    const path = room.pathOf(created);
    for (const version of ["0", "1", versionOf(created)]) {
      const answer = await room.call("GET", `${path}?resourceVersion=${version}`);
      assert.deepEqual(answer.body, created);
    }
    assertFailure(
      await room.call("GET", `${path}?resourceVersion=99999999`),
      504,
      "Timeout",
      /^Timeout: Too large resource version: 99999999, current: \d+$/,
    );
    assertFailure(
      await room.call("GET", `${path}?resourceVersion=abc`),
      500,
      undefined,
      'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
    );
  });

  test("list() selects by field and by label; its items have no kind", async () => {
    const room = open();
    const one = await room.lease({ holderIdentity: "a" }, { labels: { side: "left" } });
    const two = await room.lease({}, { labels: { side: "right" } });
    const withoutKind = ({ metadata, spec }: typeof one) => ({ metadata, spec });
    const selectors = [
      [`fieldSelector=metadata.name%3D${nameOf(one)}`, [one]],
      [`fieldSelector=metadata.name==${nameOf(two)},metadata.name!=${nameOf(one)}`, [two]],
      ["labelSelector=side%3Dleft", [one]],
      ["labelSelector=side!%3Dleft,side=right", [two]],
      ["labelSelector=side%3Dabove", []],
    ] as const;
    for (const [query, expected] of selectors) {
      const answer = await room.call("GET", `${room.leases}?${query}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.body.kind, "LeaseList");
      assert.equal(answer.body.apiVersion, "coordination.k8s.io/v1");
      assert.deepEqual(answer.body.items, expected.map(withoutKind), query);
      assert.ok(Number(versionOf(answer.body)) >= Number(versionOf(two)));
    }
  });

  test("list() of a missing namespace and of all namespaces", async () => {
    const room = open();
    const missing = await room.call("GET", leasesPath("missing"));
    assert.equal(missing.status, 200);
    assert.deepEqual(missing.body.items, []);
    const created = await room.lease();
    const selector = `fieldSelector=metadata.name%3D${nameOf(created)}`;
    const all = await room.call("GET", `/apis/coordination.k8s.io/v1/leases?${selector}`);
    assert.deepEqual(
      all.body.items?.map(({ metadata }) => metadata),
      [created.metadata],
    );
  });

  test("list() answers 400 for selectors and versions that it does not know", async () => {
    const room = open();
    const queries = [
      [
        "fieldSelector=spec.holderIdentity%3Da",
        '"spec.holderIdentity" is not a known field selector: only "metadata.name", "metadata.namespace"',
      ],
      [
        "fieldSelector=metadata.name",
        "invalid selector: 'metadata.name'; can't understand 'metadata.name'",
      ],
      [
        "resourceVersion=abc",
        'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax',
      ],
    ] as const;
    for (const [query, message] of queries) {
      const answer = await room.call("GET", `${room.leases}?${query}`);
      assertFailure(answer, 400, "BadRequest", message);
    }
  });

  test("every path and method that is not served has its answer", async () => {
    const room = open();
    const body = lease("a", {});
    for (const [method, path] of [
      ["POST", `${room.leases}/a`],
      ["PUT", room.leases],
      ["POST", "/apis/coordination.k8s.io/v1/leases"],
      ["TRACE", `${room.leases}/a`],
    ] as const) {
      const text = "the server does not allow this method on the requested resource";
      const answer = await room.call(method, path, method === "TRACE" ? undefined : body);
      assertFailure(answer, 405, "MethodNotAllowed", text);
    }
    const group = `/apis/coordination.k8s.io/v1/namespaces/${room.server.namespace}`;
    for (const path of [`${group}/things/a`, `${room.leases}/a/status`]) {
      const text = "the server could not find the requested resource";
      assertFailure(await room.call("GET", path), 404, "NotFound", text);
    }
    for (const path of ["/missing", "/apis/missing/v1/namespaces/default/things/a"]) {
      const answer = await room.call("GET", path);
      assert.equal(answer.status, 404);
      assert.equal(answer.text.trim(), "404 page not found");
    }
  });

  test("an unknown token is 401 Unauthorized, and an object is not touched", async () => {
    const room = open();
    const access = { ...room.server.access, token: "invented" };
    const answer = await callApi(access, "POST", room.leases, lease("unauthorized", {}));
    assertFailure(answer, 401, "Unauthorized", "Unauthorized");
    assert.equal((await room.call("GET", `${room.leases}/unauthorized`)).status, 404);
    // Without a token a real server may take the caller for system:anonymous, and forbid it all.
    const none = await callApi({ ...access, token: "" }, "GET", `${room.leases}/unauthorized`);
    assert.ok([401, 403].includes(none.status), none.text);
  });

  test("every verb may be 403 Forbidden, before the body is even read", async (t) => {
    const room = open();
    const { stranger, namespace } = room.server;
    if (stranger === undefined) return t.skip("this server has no stranger");
    const verbs = [
      ["get", "GET", `${room.leases}/a`, "a"],
      ["update", "PUT", `${room.leases}/a`, "a"],
      ["delete", "DELETE", `${room.leases}/a`, "a"],
      ["create", "POST", room.leases, undefined],
      ["list", "GET", room.leases, undefined],
      ["list", "GET", `${room.leases}?fieldSelector=metadata.name%3Da`, "a"],
      ["watch", "GET", `${room.leases}?watch=true`, undefined],
      ["watch", "GET", `${room.leases}?watch=1&fieldSelector=metadata.name%3Da`, "a"],
    ] as const;
    for (const [verb, method, path, name] of verbs) {
      const body = method === "GET" ? undefined : "{bad";
      const answer = await callApi(stranger.access, method, path, body);
      const title = `leases.coordination.k8s.io${name === undefined ? "" : ` "${name}"`}`;
      const what = 'resource "leases" in API group "coordination.k8s.io" in the namespace';
      const text = `${title} is forbidden: User "${stranger.user}" cannot ${verb} ${what}`;
      assertFailure(answer, 403, "Forbidden", `${text} "${namespace}"`);
      assert.equal(answer.body.details?.["name"], name);
    }
    const all = "/apis/coordination.k8s.io/v1/leases";
    const answer = await callApi(stranger.access, "GET", all);
    assertFailure(
      answer,
      403,
      "Forbidden",
      /in API group "coordination.k8s.io" at the cluster scope$/,
    );
    return undefined;
  });

  test("a body that is too long is 413, a foreign media type 415", async () => {
    const room = open();
    const name = room.name();
    const long = endpoints(name, [], { annotations: { a: "x".repeat(3 * 1024 * 1024) } });
    const answer = await room.call("POST", room.endpoints, long);
    assertFailure(
      answer,
      413,
      "RequestEntityTooLarge",
      "Request entity too large: limit is 3145728",
    );
    const headers = { "content-type": "text/plain" };
    const plain = await callApi(room.server.access, "POST", room.leases, lease(name, {}), headers);
    assertFailure(plain, 415, "UnsupportedMediaType", /^the body of the request was in an unknown/);
  });
}
