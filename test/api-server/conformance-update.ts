import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiObject } from "../support/api-client.ts";
import {
  assertFailure,
  endpoints,
  lease,
  leasesPath,
  nameOf,
  type Room,
  take,
  versionOf,
} from "./room.ts";

const modified =
  "the object has been modified; please apply your changes to the latest version and try again";

export function updateTests(open: () => Room): void {
  test("update() replaces spec, labels and annotations and gives a higher version", async () => {
    const room = open();
    const old = { labels: { a: "1" }, annotations: { b: "2" } };
    const created = await room.lease({ holderIdentity: "a", leaseDurationSeconds: 15 }, old);
    const name = nameOf(created);
    const wanted = { resourceVersion: versionOf(created), annotations: { c: "3" } };
    const body = lease(name, { holderIdentity: "b" }, wanted);
    const answer = await room.call("PUT", `${room.leases}/${name}`, body);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.body.spec, { holderIdentity: "b" });
    assert.equal(answer.body.metadata?.labels, undefined);
    assert.deepEqual(answer.body.metadata?.annotations, { c: "3" });
    assert.equal(answer.body.metadata?.uid, created.metadata?.uid);
    assert.equal(answer.body.metadata?.creationTimestamp, created.metadata?.creationTimestamp);
    assert.ok(Number(versionOf(answer.body)) > Number(versionOf(created)));
  });

  test("update() answers 409 Conflict for a version that is not the current one", async () => {
    const room = open();
    const created = await room.lease({ holderIdentity: "a" });
    const current = await room.put(created, { holderIdentity: "b" });
    const name = nameOf(created);
    const future = String(Number(versionOf(current)) + 1000);
    for (const resourceVersion of [versionOf(created), "1", future]) {
      const body = lease(name, { holderIdentity: "c" }, { resourceVersion });
      const answer = await room.call("PUT", room.pathOf(created), body);
      const text = `Operation cannot be fulfilled on leases.coordination.k8s.io "${name}": `;
      assertFailure(answer, 409, "Conflict", text + modified);
      assert.deepEqual(answer.body.details, { name, group: "coordination.k8s.io", kind: "leases" });
    }
    assert.deepEqual((await room.call("GET", room.pathOf(created))).body, current);
  });

  test("update() lets one of many with the same version through", async () => {
    const room = open();
    const created = await room.lease({ holderIdentity: "nobody" });
    const holders = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const answers = await Promise.all(
      holders.map((holderIdentity) =>
        room.call("PUT", room.pathOf(created), { ...created, spec: { holderIdentity } }),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort((a, b) => a - b);
    assert.deepEqual(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
    const winner = answers.find(({ status }) => status === 200);
    assert.deepEqual((await room.call("GET", room.pathOf(created))).body, winner?.body);
  });

  test("update() of a Lease without a version is 422 Invalid", async () => {
    const room = open();
    const name = nameOf(await room.lease());
    for (const resourceVersion of [undefined, "", "0"]) {
      const body = lease(name, { holderIdentity: "b" }, { resourceVersion });
      const answer = await room.call("PUT", `${room.leases}/${name}`, body);
      const text = "metadata.resourceVersion: Invalid value: 0: must be specified for an update";
      const title = `leases.coordination.k8s.io "${name}" is invalid`;
      assertFailure(answer, 422, "Invalid", `${title}: ${text}`);
    }
  });

  test("update() of Endpoints without a version overwrites whatever there is", async () => {
    const room = open();
    const name = room.name();
    const path = `${room.endpoints}/${name}`;
    const created = await room.call("POST", room.endpoints, endpoints(name, [subset("10.0.0.1")]));
    assert.equal(created.status, 201, created.text);
    for (const resourceVersion of [undefined, "0"]) {
      const body = endpoints(name, [subset(`10.0.1.${resourceVersion ?? 1}`)], { resourceVersion });
      const answer = await room.call("PUT", path, body);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.body["subsets"], body["subsets"]);
    }
    const stale = { resourceVersion: versionOf(created.body) };
    const answer = await room.call("PUT", path, endpoints(name, [], stale));
    const text = `Operation cannot be fulfilled on endpoints "${name}": ${modified}`;
    assertFailure(answer, 409, "Conflict", text);
    assert.deepEqual(answer.body.details, { name, kind: "endpoints" });
  });

  test("update() answers 409 Conflict for another uid, whatever the version", async () => {
    const room = open();
    const created = await room.lease();
    const name = nameOf(created);
    for (const resourceVersion of [versionOf(created), "1", undefined]) {
      const body = lease(name, { holderIdentity: "b" }, { uid: "other", resourceVersion });
      const answer = await room.call("PUT", room.pathOf(created), body);
      const text = uidText(room, name, created.metadata?.uid ?? "");
      assertFailure(answer, 409, "Conflict", text);
    }
  });

  test("update() creates a missing object and does not compare the version", async () => {
    const room = open();
    for (const resourceVersion of [undefined, "12"]) {
      const name = room.name();
      const body = lease(name, { holderIdentity: "a" }, { resourceVersion });
      const answer = await room.call("PUT", `${room.leases}/${name}`, body);
      assert.equal(answer.status, 201, answer.text);
      assert.deepEqual(answer.body.spec, { holderIdentity: "a" });
      assert.notEqual(versionOf(answer.body), "12");
    }
    const name = room.name();
    const body = endpoints(name, [subset("10.0.0.1")]);
    assert.equal((await room.call("PUT", `${room.endpoints}/${name}`, body)).status, 201);
  });

  test("update() with a uid does not bring a deleted object back", async () => {
    const room = open();
    const created = await room.lease();
    await room.remove(created);
    const answer = await room.call("PUT", room.pathOf(created), created);
    const uid = created.metadata?.uid ?? "";
    assertFailure(answer, 409, "Conflict", uidText(room, nameOf(created), "", uid));
    assert.equal((await room.call("GET", room.pathOf(created))).status, 404);
  });

  test("update() answers 404 for a missing object in a missing namespace", async () => {
    const answer = await open().call("PUT", `${leasesPath("missing")}/a`, lease("a", {}));
    assertFailure(answer, 404, "NotFound", 'namespaces "missing" not found');
  });

  test("update() answers 400 for another name, no name and another namespace", async () => {
    const room = open();
    const created = await room.lease();
    const path = room.pathOf(created);
    const name = nameOf(created);
    const metadata = { resourceVersion: versionOf(created) };
    const texts = [
      [lease("other", {}, metadata), `the name of the object (other) does not match the name on`],
      [lease(undefined, {}, metadata), `the name of the object (${name} based on URL) was undeter`],
      [
        lease(name, {}, { ...metadata, namespace: "other" }),
        "the namespace of the provided object",
      ],
    ] as const;
    for (const [body, start] of texts) {
      const answer = await room.call("PUT", path, body);
      assertFailure(answer, 400, "BadRequest", /./);
      assert.ok(answer.body.message?.startsWith(start), answer.text);
    }
  });

  test("update() answers 500 for a version that is no number", async () => {
    const room = open();
    const name = nameOf(await room.lease());
    const body = lease(name, {}, { resourceVersion: "abc" });
    for (const path of [name, room.name()]) {
      const wanted = { ...body, metadata: { name: path, resourceVersion: "abc" } };
      const answer = await room.call("PUT", `${room.leases}/${path}`, wanted);
      const text = 'strconv.ParseUint: parsing "abc": invalid syntax';
      assertFailure(answer, 500, undefined, text);
    }
  });

  test("update() that changes nothing keeps the version and makes no event", async () => {
    const room = open();
    const created = await room.lease(
      { holderIdentity: "a", leaseDurationSeconds: 15 },
      { labels: { a: "1", b: "2" } },
    );
    const watch = room.watch(nameOf(created), `&resourceVersion=${versionOf(created)}`);
    const wanted = { resourceVersion: versionOf(created), labels: { b: "2", a: "1" } };
    const bodies: readonly unknown[] = [created, lease(nameOf(created), created.spec, wanted)];
    for (const body of bodies) {
      const answer = await room.call("PUT", room.pathOf(created), body);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.body, created);
    }
    const changed = await room.put(created, { holderIdentity: "b" });
    const [first] = await take(watch, 1);
    assert.deepEqual(first, { type: "MODIFIED", object: changed });
    watch.close();
  });

  test("update() does not let a client set creationTimestamp or deletionTimestamp", async () => {
    const room = open();
    const created = await room.lease();
    const time = "2001-01-01T00:00:00Z";
    const answer = await room.call("PUT", room.pathOf(created), {
      ...created,
      spec: { holderIdentity: "b" },
      metadata: { ...created.metadata, creationTimestamp: time },
    });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.metadata?.creationTimestamp, created.metadata?.creationTimestamp);
    const metadata = { ...answer.body.metadata, deletionTimestamp: time };
    const text = `metadata.deletionTimestamp: Invalid value: "${time}": field is immutable`;
    const title = `Lease.coordination.k8s.io "${nameOf(created)}" is invalid`;
    const refused = await room.call("PUT", room.pathOf(created), { ...answer.body, metadata });
    assertFailure(refused, 422, "Invalid", `${title}: ${text}`);
  });

  test("update() checks the version before the fields", async () => {
    const room = open();
    const created = await room.lease();
    const name = nameOf(created);
    const spec = { leaseDurationSeconds: 0 };
    const put = (resourceVersion: string | undefined) =>
      room.call("PUT", room.pathOf(created), lease(name, spec, { resourceVersion }));
    assertFailure(await put("1"), 409, "Conflict", /the object has been modified/);
    assertFailure(await put(undefined), 422, "Invalid", /must be specified for an update/);
    assertFailure(await put(versionOf(created)), 422, "Invalid", /must be greater than 0/);
  });
}

function subset(ip: string): ApiObject {
  return { addresses: [{ ip }], ports: [{ port: 80, protocol: "TCP" }] };
}

function uidText(room: Room, name: string, found: string, wanted = "other"): string {
  const key = `/registry/leases/${room.server.namespace}/${name}`;
  return (
    `Operation cannot be fulfilled on leases.coordination.k8s.io "${name}": StorageError: ` +
    `invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ` +
    `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${found}`
  );
}
