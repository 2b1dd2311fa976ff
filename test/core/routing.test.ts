/** Where the Service points, against the embedded API server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as routings from "../../src/core/routing.ts";
import { Desk, mark, markAnnotation } from "./routing-desk.ts";

const reads = ["GET service", "GET endpoints", "GET ipv4", "GET ipv6"];
const foreign = { subsets: [{ addresses: [{ ip: "10.9.9.9" }], ports: [{ port: 1 }] }] };
const selector = { spec: { selector: { app: "web" }, ports: [{ port: 80 }] } };

test("point() writes one EndpointSlice that names the pod, and nothing else", () => {
  const desk = new Desk({ zone: "z-1" }).point();
  assert.ok(!routings.isSettled(desk.routing), "the command waits for its traffic");
  desk.run();
  assert.deepEqual(desk.seen, [...reads, "POST ipv4"]);
  const { metadata, ...content } = desk.bodies[0]!;
  assert.deepEqual(metadata, {
    name: "web-await-election-ipv4",
    labels: {
      "kubernetes.io/service-name": "web",
      "endpointslice.kubernetes.io/managed-by": "k8s-await-election",
    },
    annotations: { [markAnnotation]: mark },
  });
  assert.deepEqual(content, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    addressType: "IPv4",
    endpoints: [
      {
        addresses: ["10.1.2.3"],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: "node-1",
        zone: "z-1",
        targetRef: { kind: "Pod", namespace: "front", name: "web-1", uid: "uid-1" },
      },
    ],
    ports: [{ name: "http", port: 80, protocol: "TCP" }],
  });
  assert.deepEqual(desk.told, ["the Service points here"]);
  assert.ok(routings.isSettled(desk.routing) && !routings.isIdle(desk.routing));
  assert.deepEqual(desk.addresses(), ["ipv4 10.1.2.3"]);
});

test("point() writes a slice for each family of a pod, and empties that of a family it has not", () => {
  const desk = new Desk({ podIps: ["fd00::7", "10.1.2.3"] }).point().run();
  assert.deepEqual(desk.addresses(), ["ipv4 10.1.2.3", "ipv6 fd00::7"]);
  const single = new Desk({ podIps: ["fd00::8"] });
  Object.assign(single, { store: desk.store });
  single.point(true, "next/pod-2/t").run();
  assert.deepEqual(single.addresses(), ["ipv6 fd00::8"]);
});

for (const [title, kind, denied] of [
  ["asked to", "endpoints", undefined],
  ["slices are denied", "auto", "endpointslices"],
] as const) {
  test(`point() writes Endpoints where ${title}, with the pod's first address`, () => {
    const desk = new Desk({ kind, podIps: ["10.1.2.3", "fd00::7"] });
    if (denied !== undefined) desk.store.deny({ resource: denied });
    desk.point().run();
    assert.deepEqual(desk.find("endpoints")?.subsets, [
      {
        addresses: [{ ip: "10.1.2.3", nodeName: "node-1" }],
        ports: [{ name: "http", port: 80, protocol: "TCP" }],
      },
    ]);
    assert.deepEqual(desk.addresses(), ["endpoints 10.1.2.3"]);
    assert.deepEqual(desk.told, ["the Service points here"]);
  });
}

for (const verb of ["create", "update"] as const) {
  test(`point() turns to Endpoints where it may read slices and not ${verb} them`, () => {
    const desk = new Desk();
    if (verb === "update") desk.point(true, "old").run().withdraw().run();
    desk.store.deny({ resource: "endpointslices", verb });
    desk.point().run();
    assert.deepEqual(desk.addresses(), ["endpoints 10.1.2.3"]);
    desk.seen = [];
    desk.pass(300_000);
    assert.ok(desk.seen.length < 40, `${desk.seen.length} requests in 5 minutes`);
  });
}

test("point() stays with Endpoints in a term that finds them filled, and then moves over", () => {
  const crashed = new Desk({ kind: "endpoints", podIps: ["10.1.2.9"] }).point(true, "old").run();
  const next = new Desk();
  Object.assign(next, { store: crashed.store });
  assert.deepEqual(
    next.point().run().addresses(),
    ["endpoints 10.1.2.3"],
    "of a leader that crashed",
  );
  const desk = new Desk().put("endpoints", foreign).point().run();
  assert.deepEqual(desk.addresses(), ["endpoints 10.1.2.3"]);
  desk.pass(120_000);
  assert.deepEqual(desk.addresses(), ["endpoints 10.1.2.3"], "for the whole term");
  desk.withdraw().run().point(true, "second").run();
  assert.deepEqual(desk.addresses(), ["ipv4 10.1.2.3"]);
});

test("point() with slices asked for empties Endpoints before it writes the slice", () => {
  const crashed = new Desk({ kind: "endpoints", podIps: ["10.1.2.9"] }).point(true, "old").run();
  const desk = new Desk({ kind: "endpointslice" });
  Object.assign(desk, { store: crashed.store });
  desk.point().read();
  assert.deepEqual(desk.seen.slice(4), ["PUT endpoints"]);
  desk.serve();
  assert.deepEqual(desk.addresses(), []);
  assert.deepEqual(desk.run().addresses(), ["ipv4 10.1.2.3"]);
});

test("point() empties a slice of ours before it writes Endpoints", () => {
  const crashed = new Desk({ podIps: ["10.1.2.9"] }).point(true, "old").run();
  const desk = new Desk({ kind: "endpoints" });
  Object.assign(desk, { store: crashed.store });
  desk.point().read();
  assert.deepEqual(desk.seen.slice(4), ["PUT ipv4"]);
  assert.deepEqual(desk.run().addresses(), ["endpoints 10.1.2.3"]);
});

test("point() with slices asked for empties anybody's Endpoints", () => {
  const desk = new Desk({ kind: "endpointslice" }).put("endpoints", foreign).point().run();
  assert.deepEqual(desk.addresses(), ["ipv4 10.1.2.3"]);
});

test("point() refuses a Service with a selector, until that is gone", () => {
  const desk = new Desk().put("service", selector).point().run();
  assert.deepEqual(desk.seen, reads, "nothing is written");
  assert.match(desk.told.join(), /has a selector/);
  assert.ok(routings.isSettled(desk.routing), "the command runs");
  desk.pass(100_000);
  assert.equal(desk.told.length, 1);
  desk.put("service", { spec: { ports: [{ port: 80 }] } }).pass(30_000);
  assert.deepEqual(desk.addresses(), ["ipv4 10.1.2.3"]);
  desk.put("service", selector).pass(30_000);
  assert.deepEqual(desk.addresses(), [], "nor beside a selector that comes later");
  assert.ok(routings.isIdle(desk.withdraw().run().routing));
});

test("point() that may not see the Service heeds what the endpoint controller wrote", () => {
  const labels = { "endpoints.kubernetes.io/managed-by": "endpoint-controller" };
  const blind = new Desk().put("endpoints", foreign, { labels });
  blind.store.deny({ resource: "services" });
  assert.match(blind.point().run().told.join(), /has a selector/);
  assert.deepEqual(blind.addresses(), ["endpoints 10.9.9.9"]);
  const seeing = new Desk().put("endpoints", foreign, { labels });
  seeing
    .put("service", { spec: { ports: [{ port: 80 }] } })
    .point()
    .run();
  assert.deepEqual(seeing.addresses(), ["endpoints 10.1.2.3"], "the selector is gone");
});

test("point() keeps what others put beside (I12), and writes on what it read (S11)", () => {
  const labels = { owner: "helm" };
  const annotations = { note: "keep" };
  const desk = new Desk({ kind: "endpoints" }).put("endpoints", foreign, { labels, annotations });
  const { resourceVersion, uid } = desk.find("endpoints")!.metadata;
  desk.point().run();
  const { metadata } = desk.bodies[0]!;
  assert.deepEqual([metadata.resourceVersion, metadata["uid"]], [resourceVersion, uid]);
  const { metadata: stored } = desk.find("endpoints")!;
  assert.deepEqual(stored.labels, labels);
  assert.deepEqual(stored.annotations, { ...annotations, [markAnnotation]: mark });
});

test("point() tells readiness, and tells it anew at once", () => {
  const desk = new Desk().point(false).run();
  const conditions = () => desk.find("ipv4")?.endpoints?.[0]?.["conditions"];
  assert.deepEqual(conditions(), { ready: false, serving: false, terminating: false });
  assert.deepEqual(desk.told, ["the Service knows us as not ready"]);
  desk.seen = [];
  desk.point(true).run();
  assert.deepEqual(desk.seen, ["PUT ipv4"]);
  assert.deepEqual(conditions(), { ready: true, serving: true, terminating: false });
  assert.deepEqual(desk.point(true).pending, [], "what is said is not said again");
  const old = new Desk({ kind: "endpoints" }).point(false).run();
  assert.deepEqual(Object.keys(old.find("endpoints")?.subsets?.[0] ?? {}), [
    "notReadyAddresses",
    "ports",
  ]);
});

test("point() reads again after a conflict (X10), and settles after 5 s of them", () => {
  const desk = new Desk({ kind: "endpoints" }).put("endpoints", foreign).point().read();
  let conflicts = 0;
  for (; desk.ms < 5000; conflicts += 1) {
    desk.put("endpoints", {
      subsets: [{ ...foreign.subsets[0], ports: [{ port: conflicts + 2 }] }],
    });
    if (desk.pending.length > 0) desk.serve();
    desk.wake().read();
  }
  assert.ok(conflicts > 4 && conflicts < 20, `${conflicts} conflicts`);
  assert.ok(routings.isSettled(desk.routing));
  assert.deepEqual(desk.pass(10_000).addresses(), ["endpoints 10.1.2.3"]);
});

for (const status of [401, 403, 405, 422]) {
  test(`point() does not keep the command waiting after a ${status} to the write`, () => {
    const desk = new Desk({ kind: "endpoints" }).point().read().answer(status, { message: "no" });
    assert.ok(routings.isSettled(desk.routing));
    assert.deepEqual(desk.told, ["cannot write the Endpoints"]);
    assert.equal(routings.wakeAt(desk.routing), 5000, "tried rarely from now on");
    assert.deepEqual(desk.wake().run().addresses(), ["endpoints 10.1.2.3"]);
  });
}

test("point() tells one problem once, and tries on", () => {
  const desk = new Desk().point();
  for (let tries = 0; tries < 3; tries += 1) {
    while (desk.pending.length > 0) desk.answer(503);
    desk.wake();
  }
  assert.deepEqual(desk.told, [
    "cannot read the Service",
    "cannot write the Endpoints",
    "cannot write the EndpointSlice",
    "cannot write the EndpointSlice",
  ]);
  assert.deepEqual(desk.run().addresses(), ["ipv4 10.1.2.3"]);
});

for (const body of [
  "",
  "<html>",
  "[]",
  "null",
  "7",
  "{}",
  '{"kind":"EndpointSlice","metadata":{}}',
]) {
  test(`point() writes nothing on having read ${JSON.stringify(body)} (S11, N20)`, () => {
    const desk = new Desk().point().serve().serve().answer(200, body).serve();
    assert.deepEqual(desk.pending, []);
    assert.deepEqual(desk.wake().run().addresses(), ["ipv4 10.1.2.3"]);
  });
}

test("point() settles after 5 s without an answer, and goes on (X10)", () => {
  const desk = new Desk().point();
  assert.equal(desk.wake().ms, 5000);
  assert.ok(routings.isSettled(desk.routing));
  for (const { id } of desk.pending) desk.report({ type: "unanswered", id, error: "timeout" });
  assert.equal(desk.wake().ms, 10_000);
  assert.deepEqual(desk.run().addresses(), ["ipv4 10.1.2.3"]);
});

test("step() takes no notice of answers to others", () => {
  const desk = new Desk().point();
  const before = desk.routing;
  desk.report({ type: "answered", id: "lease-1", status: 403, body: "" });
  desk.report({ type: "unanswered", id: "route-0", error: "late" });
  assert.equal(desk.routing, before);
});

test("step() writes nothing from G on (S11)", () => {
  const desk = new Desk().point();
  desk.mayPublish = false;
  desk.run().pass(20_000);
  assert.deepEqual(desk.bodies, []);
  const published = new Desk().point().run();
  published.mayPublish = false;
  published.remove("ipv4").run().pass(60_000);
  assert.deepEqual(published.addresses(), []);
});
