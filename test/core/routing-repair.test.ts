/** What is published and changed by others, against the embedded API server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Desk } from "./routing-desk.ts";

for (const [title, meddle] of [
  ["is deleted", (desk: Desk) => desk.remove("ipv4")],
  ["is emptied", (desk: Desk) => desk.put("ipv4", { addressType: "IPv4", endpoints: [] })],
  [
    "gets another address beside",
    (desk: Desk) => {
      const found = desk.find("ipv4")!;
      const second = { addresses: ["10.9.9.9"], conditions: {} };
      return desk.put("ipv4", { ...found, endpoints: [...found.endpoints!, second] });
    },
  ],
] as const) {
  test(`what is published and ${title} is put right at once, or within 30 s without a watch`, () => {
    const watched = new Desk().point().run().pass(1000);
    meddle(watched).run();
    assert.deepEqual(watched.addresses(), ["ipv4 10.1.2.3"]);
    const blind = new Desk();
    blind.store.deny({ verb: "watch" });
    blind.point().run().pass(1000);
    meddle(blind).pass(30_000);
    assert.deepEqual(blind.addresses(), ["ipv4 10.1.2.3"]);
  });
}

test("what others put beside later stays, and is nothing to put right", () => {
  const desk = new Desk().point().run();
  const found = desk.find("ipv4")!;
  const annotations = { ...found.metadata.annotations, note: "keep" };
  desk.seen = [];
  desk
    .put("ipv4", { ...found }, { ...found.metadata, annotations })
    .run()
    .pass(1000);
  assert.deepEqual(desk.seen, []);
  assert.equal(desk.find("ipv4")?.metadata.annotations?.["note"], "keep");
});

test("a storm of changes is put right ever more rarely (X10)", () => {
  const desk = new Desk().point().run();
  desk.seen = [];
  const empty = { addressType: "IPv4", endpoints: [] };
  for (let ms = 0; ms < 60_000; ms += 20) desk.put("ipv4", empty).run().pass(20);
  const writes = desk.seen.filter((it) => it === "PUT ipv4").length;
  assert.ok(writes > 10 && writes < 25, `${writes} writes`);
  assert.ok(desk.seen.length < 60, `${desk.seen.length} requests in a minute`);
  desk.pass(5000);
  assert.deepEqual(desk.addresses(), ["ipv4 10.1.2.3"]);
});

test("a refused watch is asked for again only after 10 minutes", () => {
  const desk = new Desk();
  desk.store.deny({ verb: "watch" });
  const before = desk.point().run().routing.exchanges;
  desk.pass(300_000);
  const reread = desk.seen.filter((it) => it.startsWith("GET")).length - 4;
  assert.equal(desk.routing.exchanges - before, reread);
  assert.ok(reread <= 44, `${reread} looks in 5 minutes`);
});
