/** How the Service ceases to point at us, against the embedded API server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as routings from "../../src/core/routing.ts";
import { Desk, mark } from "./routing-desk.ts";

test("withdraw() takes the address out at once, and keeps the rest (S11)", () => {
  for (const kind of ["endpointslice", "endpoints"] as const) {
    const desk = new Desk({ kind }).point().run();
    desk.seen = [];
    desk.withdraw();
    assert.ok(!routings.isIdle(desk.routing));
    desk.run();
    assert.deepEqual(desk.seen, [kind === "endpoints" ? "PUT endpoints" : "PUT ipv4"]);
    assert.deepEqual([desk.addresses(), routings.isIdle(desk.routing)], [[], true]);
    assert.equal(desk.streams.size, 0, "nobody listens any more");
  }
});

test("withdraw() that is announced tells that we terminate, and then takes the address out", () => {
  const desk = new Desk({ podIps: ["10.1.2.3", "fd00::7"] }).point().run();
  desk.seen = [];
  desk.withdraw(true).serve().serve();
  const conditions = ["ipv4", "ipv6"].map(
    (name) => desk.find(name)?.endpoints?.[0]?.["conditions"],
  );
  const leaving = { ready: false, serving: true, terminating: true };
  assert.deepEqual(conditions, [leaving, leaving]);
  desk.run();
  assert.deepEqual(desk.seen, ["PUT ipv4", "PUT ipv6", "PUT ipv4", "PUT ipv6"]);
  assert.deepEqual([desk.addresses(), routings.isIdle(desk.routing)], [[], true]);
  const old = new Desk({ kind: "endpoints" }).point().run();
  old.seen = [];
  assert.deepEqual(old.withdraw(true).run().seen, ["PUT endpoints"]);
});

test("withdraw() leaves what another leader has written", () => {
  for (const mine of [mark, undefined]) {
    const desk = new Desk();
    desk.store.deny({ verb: "watch" });
    desk.point(true, mine).run();
    const next = new Desk({ podIps: ["10.1.2.4"] });
    Object.assign(next, { store: desk.store });
    next.point(true, "next/pod-2/t").run();
    desk.withdraw().run().pass(1000);
    assert.deepEqual(desk.addresses(), ["ipv4 10.1.2.4"]);
    assert.ok(routings.isIdle(desk.routing));
  }
});

test("withdraw() is done where the object is gone, or nothing was written", () => {
  const desk = new Desk().point().run();
  desk.store.deny({ verb: "watch" });
  assert.ok(routings.isIdle(desk.remove("ipv4").withdraw().run().pass(2000).routing));
  const early = new Desk().point().withdraw();
  assert.deepEqual([routings.isIdle(early.routing), early.pending], [true, []]);
  assert.deepEqual(new Desk().withdraw().seen, []);
});

test("withdraw() is given up after 2 s, and says so (S5)", () => {
  const desk = new Desk().point().run();
  desk.ms = 100;
  desk.withdraw();
  assert.equal(desk.wake().ms, 2100);
  assert.deepEqual(desk.pending, [], "what was under way is abandoned");
  assert.match(desk.told.join(), /still points here/);
  assert.ok(routings.isIdle(desk.routing));
});

test("withdraw() tries again after a failure, and not after a refusal", () => {
  const failed = new Desk().point().run().withdraw().answer(503).wake();
  assert.equal(failed.next.method, "GET");
  assert.deepEqual(failed.run().addresses(), []);
  const refused = new Desk().point().run().withdraw().answer(403);
  assert.ok(routings.isIdle(refused.routing));
  assert.match(refused.told.join(), /still points here/);
});

test("withdraw() waits for a publication that is under way, and then undoes it", () => {
  const desk = new Desk().point().read();
  const { id, method, path, body = "" } = desk.next;
  desk.withdraw();
  assert.equal(desk.pending.length, 1);
  desk.store.handle({ method, path, body }, 0);
  assert.deepEqual(desk.addresses(), ["ipv4 10.1.2.3"], "it was applied after all");
  desk.report({ type: "unanswered", id, error: "timeout" }).pass(1000);
  assert.deepEqual([desk.addresses(), routings.isIdle(desk.routing)], [[], true]);
});
