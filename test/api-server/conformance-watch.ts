import assert from "node:assert/strict";
import { test } from "node:test";
import { watchApi } from "../support/api-client.ts";
import {
  assertFailure,
  endpoints,
  lease,
  leasesPath,
  nameOf,
  type Room,
  summary,
  take,
  versionOf,
} from "./room.ts";

export function watchTests(open: () => Room): void {
  test("watch() from a version tells every change after it, the deletion under its own", async () => {
    const room = open();
    const first = await room.lease({ holderIdentity: "a" });
    const second = await room.put(first, { holderIdentity: "b" });
    await room.remove(second);
    const body = lease(nameOf(first), { holderIdentity: "c" });
    const third = (await room.call("POST", room.leases, body)).body;

    const watch = room.watch(nameOf(first), `&resourceVersion=${versionOf(first)}`);
    const events = await take(watch, 3);
    watch.close();
    assert.equal(await watch.status, 200);
    const deletion = versionOf(events[1]?.object ?? {});
    assert.deepEqual(summary(events), [
      ["MODIFIED", "b", versionOf(second)],
      ["DELETED", "b", deletion],
      ["ADDED", "c", versionOf(third)],
    ]);
    assert.ok(Number(versionOf(second)) < Number(deletion));
    assert.ok(Number(deletion) < Number(versionOf(third)));
    assert.deepEqual(events[0]?.object, second);

    const resumed = room.watch(nameOf(first), `&resourceVersion=${deletion}`);
    assert.deepEqual(summary(await take(resumed, 1)), [["ADDED", "c", versionOf(third)]]);
    resumed.close();
  });

  test("watch() without a version begins with the present state", async () => {
    const room = open();
    const first = await room.lease({ holderIdentity: "a" });
    const current = await room.put(first, { holderIdentity: "b" });
    for (const query of ["", "&resourceVersion=0", "&resourceVersion="]) {
      const watch = room.watch(nameOf(first), query);
      assert.deepEqual(await take(watch, 1), [{ type: "ADDED", object: current }]);
      watch.close();
    }
  });

  test("watch() goes on with what happens, as it happens", async () => {
    const room = open();
    const name = room.name();
    const version = versionOf((await room.call("GET", room.leases)).body);
    const watch = room.watch(name, `&resourceVersion=${version}`);
    assert.equal(await watch.status, 200);
    const body = lease(name, { holderIdentity: "a" }, { finalizers: ["example.com/a"] });
    const created = (await room.call("POST", room.leases, body)).body;
    assert.deepEqual(await take(watch, 1), [{ type: "ADDED", object: created }]);
    const changed = await room.put(created, { holderIdentity: "b" });
    assert.deepEqual(await take(watch, 1), [{ type: "MODIFIED", object: changed }]);
    const marked = (await room.call("DELETE", room.pathOf(created))).body;
    assert.deepEqual(await take(watch, 1), [{ type: "MODIFIED", object: marked }]);
    const metadata = { ...marked.metadata, finalizers: [] };
    await room.call("PUT", room.pathOf(created), { ...marked, metadata });
    const [deletion] = await take(watch, 1);
    assert.equal(deletion?.type, "DELETED");
    assert.ok(Number(versionOf(deletion?.object ?? {})) > Number(versionOf(marked)));
    watch.close();
  });

  test("watch() tells of its own objects alone", async () => {
    const room = open();
    const other = await room.lease({ holderIdentity: "other" });
    const own = await room.lease({ holderIdentity: "own" });
    const watch = room.watch(nameOf(own), `&resourceVersion=${versionOf(own)}`);
    await room.put(other, { holderIdentity: "changed" });
    const name = room.name();
    await room.call("POST", room.endpoints, endpoints(name, []));
    const changed = await room.put(own, { holderIdentity: "changed" });
    assert.deepEqual(await take(watch, 1), [{ type: "MODIFIED", object: changed }]);
    watch.close();
  });

  test("watch() by label tells of objects that come and go", async () => {
    const room = open();
    const created = await room.lease({ holderIdentity: "a" }, { labels: { watched: "no" } });
    const query = `?watch=true&labelSelector=watched%3Dyes&resourceVersion=${versionOf(created)}`;
    const watch = watchApi(room.server.access, room.leases + query);
    const relabel = async (object: typeof created, watched: string) => {
      const metadata = { ...object.metadata, labels: { watched } };
      return (await room.call("PUT", room.pathOf(object), { ...object, metadata })).body;
    };
    const added = await relabel(created, "yes");
    const gone = await relabel(added, "no");
    const events = await take(watch, 2);
    watch.close();
    assert.deepEqual(events[0], { type: "ADDED", object: added });
    assert.equal(events[1]?.type, "DELETED");
    assert.equal(versionOf(events[1]?.object ?? {}), versionOf(gone));
    assert.deepEqual(events[1]?.object.metadata?.labels, { watched: "yes" });
  });

  test("watch() of all namespaces and of a missing one", async () => {
    const room = open();
    const created = await room.lease();
    const selector = `watch=true&fieldSelector=metadata.name%3D${nameOf(created)}`;
    const path = `/apis/coordination.k8s.io/v1/leases?${selector}`;
    const all = watchApi(
      room.server.access,
      `${path},metadata.namespace%3D${room.server.namespace}`,
    );
    assert.deepEqual(await take(all, 1), [{ type: "ADDED", object: created }]);
    all.close();
    const missing = watchApi(room.server.access, `${leasesPath("missing")}?watch=true`);
    assert.equal(await missing.status, 200);
    missing.close();
  });

  test("watch() is what nearly every value of the parameter asks for", async () => {
    const room = open();
    for (const value of ["watch", "watch=1", "watch=yes"]) {
      const watch = watchApi(room.server.access, `${room.leases}?${value}&resourceVersion=0`);
      assert.equal((await take(watch, 1))[0]?.type, "ADDED");
      watch.close();
    }
    for (const value of ["watch=0", "watch=false"]) {
      const answer = await room.call("GET", `${room.leases}?${value}`);
      assert.equal(answer.body.kind, "LeaseList");
    }
  });

  test("watch() ends by itself after timeoutSeconds", async () => {
    const room = open();
    const created = await room.lease();
    const watch = room.watch(nameOf(created), "&timeoutSeconds=1");
    const events = await take(watch, 2);
    assert.deepEqual(events, [{ type: "ADDED", object: created }]);
  });

  test("watch() waits for a version of the future", async () => {
    const room = open();
    const created = await room.lease();
    const future = Number(versionOf(created)) + 1_000_000;
    const watch = room.watch(nameOf(created), `&resourceVersion=${future}&timeoutSeconds=1`);
    await room.put(created, { holderIdentity: "b" });
    assert.deepEqual(await take(watch, 1), []);
    assert.equal(await watch.status, 200);
  });

  test("watch() from a version that is forgotten is 410 Expired, as an event", async (t) => {
    const room = open();
    if (room.server.forget === undefined) return t.skip("this server cannot be made to forget");
    const created = await room.lease();
    await room.server.forget();
    const watch = room.watch(nameOf(created), "&resourceVersion=1");
    assert.equal(await watch.status, 200);
    const events = await take(watch, 2);
    assert.equal(events.length, 1, "nothing follows, and the stream ends");
    assert.equal(events[0]?.type, "ERROR");
    const { message = "", ...status } = events[0]?.object ?? {};
    assert.match(message, /^too old resource version: 1 \(\d+\)$/);
    assert.deepEqual(status, {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      reason: "Expired",
      code: 410,
    });
    // The state itself is not lost, and a watch may begin from it.
    const again = room.watch(nameOf(created));
    assert.deepEqual(await take(again, 1), [{ type: "ADDED", object: created }]);
    again.close();
    return undefined;
  });

  test("watch() refuses parameters that it cannot read", async () => {
    const room = open();
    const path = `${room.leases}?watch=true`;
    const syntax = 'strconv.ParseUint: parsing "abc": invalid syntax';
    assertFailure(
      await room.call("GET", `${path}&resourceVersion=abc`),
      500,
      undefined,
      `resourceVersion: Invalid value: "abc": ${syntax}`,
    );
    assertFailure(
      await room.call("GET", `${path}&timeoutSeconds=abc`),
      400,
      "BadRequest",
      'strconv.ParseInt: parsing "abc": invalid syntax',
    );
    assertFailure(
      await room.call("GET", `${path}&fieldSelector=spec.holderIdentity%3Da`),
      400,
      "BadRequest",
      /^"spec.holderIdentity" is not a known field selector/,
    );
  });
}
