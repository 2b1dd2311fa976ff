/** The Endpoints of a Service, against a desk that holds one object and answers as it is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../../src/core/notes.ts";
import { instant, type Now, type Order, type Report } from "../../src/core/protocol.ts";
import * as routings from "../../src/core/routing.ts";
import type { Service } from "../../src/core/settings.ts";

const service: Service = {
  name: "web",
  namespace: "front",
  podIp: "10.1.2.3",
  nodeName: "node-1",
  ports: [{ port: 80, protocol: "TCP" }],
};
const mark = "me/pod-1/t";
const markAnnotation = "k8s-await-election/term";
const mine = [
  { addresses: [{ ip: "10.1.2.3", nodeName: "node-1" }], ports: [{ port: 80, protocol: "TCP" }] },
];

type Request = Extract<Order, { type: "request" }>;
type Members = Record<string, unknown>;

interface Content {
  readonly metadata: Members & { readonly annotations: Members };
  readonly subsets: unknown;
}

/** A routing whose effects are kept, and the request that waits for an answer. */
class Desk {
  routing = routings.begin(service);
  effects: readonly Effect[] = [];
  ms = 0;
  mayPublish = true;

  publish(): this {
    return this.#keep(routings.publish(this.routing, mark, this.#now()));
  }

  withdraw(): this {
    return this.#keep(routings.withdraw(this.routing, this.#now()));
  }

  answer(status: number, body: unknown = {}): this {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.report({ type: "answered", id: this.request.id, status, body: text });
  }

  report(report: Report): this {
    return this.#keep(routings.step(this.routing, report, this.mayPublish, this.#now()));
  }

  /** To the next instant that the routing asks for. */
  wake(): this {
    this.ms = routings.wakeAt(this.routing) ?? assert.fail("it asks for no tick");
    return this.report({ type: "tick" });
  }

  get request(): Request {
    const found = this.effects.find((effect) => effect.type === "request");
    return found ?? assert.fail(`no request among ${JSON.stringify(this.effects)}`);
  }

  get body(): Content {
    return JSON.parse(this.request.body ?? "") as Content;
  }

  get told(): readonly string[] {
    return this.effects.flatMap((effect) => (effect.type === "note" ? [effect.message] : []));
  }

  #now(): Now {
    return { instant: instant(this.ms), wallMs: this.ms };
  }

  #keep([routing, ...effects]: readonly [routings.Routing, ...Effect[]]): this {
    this.routing = routing;
    this.effects = effects;
    return this;
  }
}

function endpoints(version: string, annotations: Members = {}, subsets: unknown = []): Members {
  const metadata = {
    name: "web",
    uid: "uid-1",
    resourceVersion: version,
    labels: { owner: "helm" },
    annotations: { note: "keep", ...annotations },
  };
  return { apiVersion: "v1", kind: "Endpoints", metadata, subsets };
}

const ours = endpoints("8", { [markAnnotation]: mark }, mine);

function published(): Desk {
  return new Desk().publish().answer(200, endpoints("7")).answer(200, ours);
}

test("publish() reads, and writes on the very object that it read (S11)", () => {
  const desk = new Desk().publish();
  assert.deepEqual(desk.request, {
    type: "request",
    id: "route-1",
    method: "GET",
    path: "/api/v1/namespaces/front/endpoints/web",
    timeoutMs: 1500,
  });
  desk.answer(200, endpoints("7", {}, [{ addresses: [{ ip: "10.9.9.9" }] }]));
  assert.equal(desk.request.method, "PUT");
  const { metadata, subsets } = desk.body;
  assert.deepEqual([metadata["resourceVersion"], metadata["uid"]], ["7", "uid-1"]);
  assert.deepEqual(metadata["labels"], { owner: "helm" });
  assert.deepEqual(metadata.annotations, { note: "keep", [markAnnotation]: mark });
  assert.deepEqual(subsets, mine);
  assert.ok(!routings.isSettled(desk.routing), "the command waits for its traffic");
  desk.answer(200, ours);
  assert.deepEqual(desk.told, ["the Service points here"]);
  assert.ok(routings.isSettled(desk.routing) && !routings.isIdle(desk.routing));
  assert.equal(routings.wakeAt(desk.routing), undefined);
});

test("publish() creates the Endpoints where there are none", () => {
  const desk = new Desk().publish().answer(404);
  assert.equal(desk.request.method, "POST");
  assert.equal(desk.request.path, "/api/v1/namespaces/front/endpoints");
  assert.deepEqual(desk.body, {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name: "web", annotations: { [markAnnotation]: mark } },
    subsets: mine,
  });
  assert.ok(routings.isSettled(desk.answer(201, ours).routing));
});

test("publish() reads again after a conflict (X10)", () => {
  const desk = new Desk().publish().answer(200, endpoints("7")).answer(409).wake();
  assert.equal(desk.request.method, "GET");
  desk.answer(200, endpoints("9"));
  assert.equal(desk.body.metadata["resourceVersion"], "9");
});

test("publish() settles after 5 s of conflicts, too (X10)", () => {
  const desk = new Desk().publish();
  for (let version = 1; desk.ms < 5100; version++) {
    desk.ms += 50;
    desk.answer(200, endpoints(String(version)));
    desk.answer(409).wake();
  }
  assert.ok(routings.isSettled(desk.routing));
});

for (const status of [401, 403, 404, 405, 422]) {
  test(`publish() does not keep the command waiting after a ${status} to the write`, () => {
    const desk = new Desk().publish().answer(200, endpoints("7"));
    desk.answer(status, { message: "no" });
    assert.ok(routings.isSettled(desk.routing));
    assert.deepEqual(desk.told, ["cannot write the Endpoints"]);
    assert.equal(routings.wakeAt(desk.routing), 5000, "tried rarely from now on");
  });
}

test("publish() tells one problem once, and tries on", () => {
  const desk = new Desk().publish();
  for (let tries = 0; tries < 3; tries++) {
    desk.answer(503);
    assert.equal(desk.told.length, tries === 0 ? 1 : 0);
    desk.wake();
    assert.equal(desk.request.method, "GET");
  }
  assert.deepEqual(desk.answer(500).told, ["cannot write the Endpoints"]);
});

for (const body of ["", "<html>", "[]", "null", "7"]) {
  test(`publish() reads again when it read ${JSON.stringify(body)} (N20)`, () => {
    const desk = new Desk().publish().answer(200, body);
    assert.deepEqual(desk.effects, []);
    assert.equal(desk.wake().request.method, "GET");
  });
}

for (const body of [
  "{}",
  '{"kind":"Endpoints","metadata":{}}',
  '{"kind":"Status","metadata":{}}',
]) {
  test(`publish() writes nothing that has no version on having read ${body} (S11, N20)`, () => {
    assert.deepEqual(new Desk().publish().answer(200, body).effects, []);
  });
}

test("publish() settles after 5 s without an answer, and goes on (X10)", () => {
  const desk = new Desk().publish();
  assert.equal(desk.wake().ms, 5000);
  assert.ok(routings.isSettled(desk.routing));
  assert.equal(routings.wakeAt(desk.routing), undefined, "the request is still under way");
  const { id } = new Desk().publish().request;
  desk.report({ type: "unanswered", id, error: "timeout" });
  assert.equal(routings.wakeAt(desk.routing), 10_000);
  desk.wake().answer(200, endpoints("7")).answer(200, ours);
  assert.deepEqual(desk.told, ["the Service points here"]);
});

test("step() takes no notice of answers to others", () => {
  const desk = new Desk().publish();
  const before = desk.routing;
  desk.report({ type: "answered", id: "lease-1", status: 403, body: "" });
  desk.report({ type: "unanswered", id: "route-0", error: "late" });
  assert.deepEqual([desk.routing, desk.effects], [before, []]);
});

test("step() publishes nothing from G on (S11)", () => {
  for (const answered of [endpoints("7"), undefined]) {
    const desk = new Desk().publish();
    desk.mayPublish = false;
    desk.answer(answered === undefined ? 404 : 200, answered);
    assert.deepEqual(desk.effects, []);
  }
  const pausing = new Desk().publish().answer(503);
  pausing.mayPublish = false;
  pausing.wake();
  assert.deepEqual(pausing.effects, []);
  const conflicted = new Desk().publish().answer(200, endpoints("7"));
  conflicted.mayPublish = false;
  conflicted.answer(409);
  assert.ok(conflicted.effects.every((effect) => effect.type !== "request" || !effect.body));
});

test("withdraw() takes the address out where it is ours, and keeps the rest (S11)", () => {
  const desk = published().withdraw();
  assert.equal(desk.request.method, "GET");
  desk.answer(200, ours);
  assert.equal(desk.request.method, "PUT");
  assert.equal(desk.body.metadata["resourceVersion"], "8");
  assert.deepEqual(desk.body.metadata.annotations, { note: "keep" });
  assert.deepEqual(desk.body.subsets, []);
  assert.ok(!routings.isIdle(desk.routing));
  assert.ok(routings.isIdle(desk.answer(200).routing));
});

test("withdraw() leaves what another leader has written", () => {
  for (const annotations of [{ [markAnnotation]: "next/pod-2/t" }, {}]) {
    const desk = published()
      .withdraw()
      .answer(200, endpoints("9", annotations, mine));
    assert.deepEqual(desk.effects, []);
    assert.ok(routings.isIdle(desk.routing));
  }
  const conflicted = published().withdraw().answer(200, ours).answer(409).wake();
  assert.equal(conflicted.request.method, "GET");
  conflicted.answer(200, endpoints("9", { [markAnnotation]: "next/pod-2/t" }));
  assert.ok(routings.isIdle(conflicted.routing));
});

test("withdraw() is done where the Endpoints are gone", () => {
  assert.ok(routings.isIdle(published().withdraw().answer(404).routing));
  assert.ok(routings.isIdle(published().withdraw().answer(200, ours).answer(404).routing));
});

test("withdraw() is given up after 2 s, and says so (S5)", () => {
  const desk = published();
  desk.ms = 100;
  const { id } = desk.withdraw().request;
  assert.equal(desk.wake().ms, 2100);
  assert.deepEqual(desk.effects[0], { type: "abandon", id });
  assert.match(desk.told.join(), /not withdrawn/);
  assert.ok(routings.isIdle(desk.routing));
});

test("withdraw() tries again after a failure, and not after a refusal", () => {
  const desk = published().withdraw().answer(503);
  assert.equal(desk.wake().request.method, "GET");
  assert.ok(routings.isIdle(published().withdraw().answer(403).routing));
});

test("withdraw() waits for a publication that is under way, and then looks whose it is", () => {
  const desk = new Desk().publish().answer(200, endpoints("7"));
  const { id } = desk.request;
  desk.withdraw();
  assert.deepEqual(desk.effects, []);
  desk.report({ type: "unanswered", id, error: "timeout" });
  assert.equal(desk.request.method, "GET");
  desk.answer(200, ours);
  assert.deepEqual(desk.body.subsets, [], "the write was applied after all");
});

test("withdraw() does nothing where nothing is published, or twice", () => {
  assert.deepEqual(new Desk().withdraw().effects, []);
  assert.deepEqual(published().withdraw().withdraw().effects, []);
});
