import assert from "node:assert/strict";
import { test } from "node:test";
import { assertFailure, endpoints, lease, leasesPath, nameOf, type Room } from "./room.ts";

export function createTests(open: () => Room): void {
  test("create() answers 201 with the metadata that only the server sets", async () => {
    const room = open();
    const name = room.name();
    const spec = { holderIdentity: "a", leaseDurationSeconds: 15, leaseTransitions: 0 };
    const invented = {
      uid: "invented",
      creationTimestamp: "2001-01-01T00:00:00Z",
      deletionTimestamp: "2001-01-01T00:00:00Z",
      selfLink: "/invented",
    };
    const answer = await room.call("POST", room.leases, lease(name, spec, invented));
    assert.equal(answer.status, 201);
    const { kind, apiVersion, metadata = {} } = answer.body;
    assert.deepEqual({ kind, apiVersion }, { kind: "Lease", apiVersion: "coordination.k8s.io/v1" });
    assert.equal(metadata.name, name);
    assert.equal(metadata.namespace, room.server.namespace);
    assert.match(metadata.uid ?? "", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.match(metadata.resourceVersion ?? "", /^\d+$/);
    assert.match(metadata.creationTimestamp ?? "", /^20[2-9]\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.equal(metadata.deletionTimestamp, undefined);
    assert.equal(metadata["selfLink"], undefined);
    assert.deepEqual(answer.body.spec, spec);
    const read = await room.call("GET", `${room.leases}/${name}`);
    assert.deepEqual(read.body, answer.body);
  });

  test("create() answers 409 AlreadyExists for a name that is taken", async () => {
    const room = open();
    const name = nameOf(await room.lease());
    const answer = await room.call("POST", room.leases, lease(name, {}));
    const title = `leases.coordination.k8s.io "${name}"`;
    assertFailure(answer, 409, "AlreadyExists", `${title} already exists`);
    assert.deepEqual(answer.body.details, { name, group: "coordination.k8s.io", kind: "leases" });
  });

  test("create() lets one of many through", async () => {
    const room = open();
    const name = room.name();
    const answers = await Promise.all(
      ["a", "b", "c", "d", "e", "f", "g", "h"].map((holderIdentity) =>
        room.call("POST", room.leases, lease(name, { holderIdentity })),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort((a, b) => a - b);
    assert.deepEqual(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    const winner = answers.find(({ status }) => status === 201);
    const read = await room.call("GET", `${room.leases}/${name}`);
    assert.deepEqual(read.body, winner?.body);
  });

  test("create() gives a deleted name a new uid", async () => {
    const room = open();
    const first = await room.lease();
    await room.remove(first);
    const answer = await room.call("POST", room.leases, lease(nameOf(first), {}));
    assert.equal(answer.status, 201);
    assert.notEqual(answer.body.metadata?.uid, first.metadata?.uid);
  });

  test("create() answers 404 for a namespace that does not exist", async () => {
    const room = open();
    const answer = await room.call("POST", leasesPath("missing"), lease("a", {}));
    assertFailure(answer, 404, "NotFound", 'namespaces "missing" not found');
  });

  test("create() answers 400 for a namespace other than that of the path", async () => {
    const room = open();
    const body = lease(room.name(), {}, { namespace: "other" });
    const text =
      "the namespace of the provided object does not match the namespace sent on the request";
    assertFailure(await room.call("POST", room.leases, body), 400, "BadRequest", text);
  });

  test("create() refuses a resourceVersion", async () => {
    const room = open();
    const text = "resourceVersion should not be set on objects to be created";
    const body = lease(room.name(), {}, { resourceVersion: "12" });
    assertFailure(await room.call("POST", room.leases, body), 500, undefined, text);
  });

  test("create() makes a name from generateName", async () => {
    const room = open();
    const body = lease(undefined, {}, { generateName: "made-" });
    const names = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const answer = await room.call("POST", room.leases, body);
      assert.equal(answer.status, 201, answer.text);
      assert.match(nameOf(answer.body), /^made-[a-z0-9]{5}$/);
      names.add(nameOf(answer.body));
    }
    assert.equal(names.size, 3);
  });

  test("create() takes a body without kind, apiVersion and spec", async () => {
    const room = open();
    const answer = await room.call("POST", room.leases, { metadata: { name: room.name() } });
    assert.equal(answer.status, 201);
    assert.equal(answer.body.kind, "Lease");
    assert.deepEqual(answer.body.spec, {});
  });

  test("create() drops unknown fields and those that are null", async () => {
    const room = open();
    const spec = { holderIdentity: "a", renewTime: null, invented: 1, constructor: 2 };
    const created = await room.lease(spec, { invented: 1, labels: { k: null }, annotations: null });
    assert.deepEqual(created.spec, { holderIdentity: "a" });
    assert.deepEqual(created.metadata?.labels, { k: "" });
    assert.equal(created.metadata?.annotations, undefined);
    assert.equal(created.metadata?.["invented"], undefined);
  });

  test("create() keeps an empty holder apart from none", async () => {
    const room = open();
    assert.deepEqual((await room.lease({ holderIdentity: "" })).spec, { holderIdentity: "" });
    assert.deepEqual((await room.lease({ holderIdentity: null })).spec, {});
  });

  test("create() keeps labels, annotations, owners and finalizers", async () => {
    const room = open();
    const metadata = {
      labels: { b: "2", a: "1" },
      annotations: { "Example.com/note": 'any "text"\n' },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "p", uid: "u", controller: false }],
      finalizers: ["example.com/a"],
    };
    const { labels, annotations, ownerReferences, finalizers } =
      (await room.lease({}, metadata)).metadata ?? {};
    assert.deepEqual({ labels, annotations, ownerReferences, finalizers }, metadata);
  });

  for (const [title, body, message] of unreadable) {
    test(`create() answers 400 for ${title}`, async () => {
      const room = open();
      assertFailure(await room.call("POST", room.leases, body), 400, "BadRequest", message);
    });
  }

  test("create() answers 400 for the kind of another resource", async () => {
    const room = open();
    const answer = await room.call("POST", room.leases, endpoints(room.name(), []));
    assertFailure(answer, 400, "BadRequest", /^\w+ in version "v1" cannot be handled as a Lease: /);
  });
}

const unrecognized = /^the object provided is unrecognized \(must be of type Lease\): /;
const unfit = 'Lease in version "v1" cannot be handled as a Lease: json: cannot unmarshal ';

const unreadable: readonly (readonly [title: string, body: unknown, message: string | RegExp])[] = [
  ["a body that is not JSON", "{bad", unrecognized],
  ["an empty body", "", unrecognized],
  ["an array", "[]", unrecognized],
  ["a kind that is not served there", { kind: "Foo", metadata: {} }, /^Foo in version "v1" cannot/],
  ["another apiVersion", { apiVersion: "foo/v9", kind: "Lease" }, /^Lease in version "v9" cannot/],
  [
    "a spec that is a text",
    { metadata: { name: "a" }, spec: "b" },
    `${unfit}string into Go struct field Lease.spec of type v1.LeaseSpec`,
  ],
  [
    "metadata that is a text",
    { metadata: "a" },
    `${unfit}string into Go struct field Lease.metadata of type v1.ObjectMeta`,
  ],
  [
    "a holder that is a number",
    { spec: { holderIdentity: 5 } },
    `${unfit}number into Go struct field LeaseSpec.spec.holderIdentity of type string`,
  ],
  [
    "a duration with a fraction",
    { spec: { leaseDurationSeconds: 1.5 } },
    `${unfit}number 1.5 into Go struct field LeaseSpec.spec.leaseDurationSeconds of type int32`,
  ],
  [
    "a duration that is a text",
    { spec: { leaseDurationSeconds: "15" } },
    `${unfit}string into Go struct field LeaseSpec.spec.leaseDurationSeconds of type int32`,
  ],
  [
    "more transitions than 32 bits hold",
    { spec: { leaseTransitions: 2_147_483_648 } },
    `${unfit}number 2147483648 into Go struct field LeaseSpec.spec.leaseTransitions of type int32`,
  ],
  [
    "a label that is a number",
    { metadata: { labels: { k: 5 } } },
    `${unfit}number into Go struct field ObjectMeta.metadata.labels of type string`,
  ],
  [
    "a resourceVersion that is a number",
    { metadata: { resourceVersion: 5 } },
    `${unfit}number into Go struct field ObjectMeta.metadata.resourceVersion of type string`,
  ],
];
