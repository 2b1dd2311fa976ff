import assert from "node:assert/strict";
import { test } from "node:test";
import { assertFailure, lease, nameOf, type Room, versionOf } from "./room.ts";

export function removeTests(open: () => Room): void {
  test("remove() answers with the uid, and the object is gone", async () => {
    const room = open();
    const created = await room.lease();
    const name = nameOf(created);
    const answer = await room.call("DELETE", room.pathOf(created));
    assert.equal(answer.status, 200);
    const uid = created.metadata?.uid;
    assert.deepEqual(answer.body, {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Success",
      details: { name, group: "coordination.k8s.io", kind: "leases", uid },
    });
    for (const method of ["GET", "DELETE"]) {
      const text = `leases.coordination.k8s.io "${name}" not found`;
      assertFailure(await room.call(method, room.pathOf(created)), 404, "NotFound", text);
    }
  });

  test("remove() answers 409 Conflict where a precondition fails", async () => {
    const room = open();
    const created = await room.lease();
    const title = `Operation cannot be fulfilled on Lease.coordination.k8s.io "${nameOf(created)}"`;
    const remove = (preconditions: object) =>
      room.call("DELETE", room.pathOf(created), { kind: "DeleteOptions", preconditions });
    const uidText =
      `${title}: the UID in the precondition (other) does not match the UID in record ` +
      `(${created.metadata?.uid}). The object might have been deleted and then recreated`;
    const versionText =
      `${title}: the ResourceVersion in the precondition (1) does not match the ResourceVersion ` +
      `in record (${versionOf(created)}). The object might have been modified`;
    assertFailure(await remove({ uid: "other" }), 409, "Conflict", uidText);
    assertFailure(await remove({ resourceVersion: "1" }), 409, "Conflict", versionText);
    assertFailure(await remove({ uid: "other", resourceVersion: "1" }), 409, "Conflict", uidText);
    const { uid, resourceVersion } = created.metadata ?? {};
    assert.equal((await remove({ uid, resourceVersion })).status, 200);
  });

  test("remove() answers 400 for options that are not JSON", async () => {
    const room = open();
    const created = await room.lease();
    const answer = await room.call("DELETE", room.pathOf(created), "{bad");
    assertFailure(answer, 400, "BadRequest", /^couldn't get version\/kind; json parse error: /);
  });

  test("remove() only marks an object with finalizers, until the last of them goes", async () => {
    const room = open();
    const created = await room.lease({ holderIdentity: "a" }, { finalizers: ["example.com/a"] });
    const path = room.pathOf(created);
    const marked = await room.call("DELETE", path);
    assert.equal(marked.status, 200);
    assert.match(marked.body.metadata?.deletionTimestamp ?? "", /^\d{4}-.*Z$/);
    assert.equal(marked.body.metadata?.["deletionGracePeriodSeconds"], 0);
    assert.ok(Number(versionOf(marked.body)) > Number(versionOf(created)));
    // A second deletion changes nothing.
    assert.deepEqual((await room.call("DELETE", path)).body, marked.body);
    assert.deepEqual((await room.call("GET", path)).body, marked.body);

    const taken = await room.call("POST", room.leases, lease(nameOf(created), {}));
    const text = `object is being deleted: leases.coordination.k8s.io "${nameOf(created)}"`;
    assertFailure(taken, 409, "AlreadyExists", `${text} already exists`);

    const renewed = await room.put(marked.body, { holderIdentity: "b" });
    assert.equal(renewed.metadata?.deletionTimestamp, marked.body.metadata?.deletionTimestamp);
    const more = { ...renewed.metadata, finalizers: ["example.com/a", "example.com/b"] };
    assertFailure(
      await room.call("PUT", path, { ...renewed, metadata: more }),
      422,
      "Invalid",
      /metadata.finalizers: Forbidden: no new finalizers can be added if the object is being del/,
    );
    const metadata = { ...renewed.metadata, finalizers: [] };
    assert.equal((await room.call("PUT", path, { ...renewed, metadata })).status, 200);
    assert.equal((await room.call("GET", path)).status, 404);
  });
}
