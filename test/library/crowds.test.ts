/** Many electors at once, and an abort at every moment of an election. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertExclusive, defaults, promptMs, Stage } from "./stage.ts";

for (const count of [10, 200]) {
  test(`${count} electors of one process on one Lease: never two at a time`, async () => {
    const stage = new Stage();
    const host = stage.server.replica();
    const run = () => stage.time.sleep(1000);
    const actors = Array.from({ length: count }, (_, index) =>
      stage.start(`e${index}`, { host, run }),
    );
    await stage.time.until(() => stage.spans.length >= 3, 1e6);
    for (const { stop } of actors) stop.abort();
    await stage.time.until(() => actors.every(({ outcome }) => outcome !== undefined));
    assertExclusive(stage);
    assert.equal(stage.holder(), "");
  });
}

test("200 electors of one process on a Lease each: all lead, and all release", async () => {
  const stage = new Stage();
  const host = stage.server.replica();
  const names = Array.from({ length: 200 }, (_, index) => `demo-${index}`);
  const actors = names.map((name) => {
    return stage.start(name, { host, lease: { namespace: "default", name } });
  });
  await stage.time.advance(5000);
  assert.ok(actors.every(({ terms }) => terms[0]?.isHeld() === true));
  for (const { stop } of actors) stop.abort();
  await stage.time.advance(promptMs);
  assert.ok(names.every((name) => stage.server.holder("default", name) === ""));
  assert.ok(actors.every(({ outcome }) => outcome !== undefined));
});

describe("abort at every millisecond of an election", () => {
  /** What is so when it begins. */
  const scenes: Readonly<Record<string, (stage: Stage) => Promise<unknown>>> = {
    "where there is no Lease": () => Promise.resolve(),
    "where the Lease was released": async (stage) => {
      await stage.startLed("before", { run: () => {} });
      await stage.time.advance(promptMs);
    },
    "just when another releases it": async (stage) => {
      await stage.startLed("before", { run: () => stage.time.sleep(8) });
    },
  };
  for (const [scene, prepare] of Object.entries(scenes)) {
    for (const isCut of [false, true]) {
      test(`${scene}${isCut ? ", with the network gone" : ""}`, async () => {
        for (let abortMs = 0; abortMs <= 30; abortMs += 1) {
          const stage = new Stage();
          await prepare(stage);
          const a = stage.start("a", { run: () => stage.time.sleep(20) });
          await stage.time.advance(abortMs);
          a.stop.abort(new Error("bye"));
          if (isCut) a.replica.cut();
          await stage.time.until(() => a.outcome !== undefined);
          const b = stage.start("b", { run: () => {} });
          const waitMs = await stage.untilLeads(b);
          // Without a network nothing can be released, and the claim may have been applied.
          const limitMs = isCut ? defaults.leaseMs + 200 : promptMs;
          assert.ok(waitMs <= limitMs, `${abortMs} ms: the next one waited for ${waitMs} ms`);
          assertExclusive(stage);
        }
      });
    }
  }
});
