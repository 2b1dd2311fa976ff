/** Who leads, as others see it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LeaderElector, SettingsError } from "../../src/library/index.ts";
import { lease, Stage } from "./stage.ts";

test("observe() tells who leads, and when that changes", async () => {
  const stage = new Stage();
  const watcher = new LeaderElector({ lease, identity: "w", host: stage.server.replica() });
  const seen: string[] = [];
  const end = new AbortController();
  const observing = (async () => {
    for await (const { identity, since } of watcher.observe({ signal: end.signal })) {
      seen.push(`${identity} ${since?.toISOString() ?? ""}`.trim());
    }
  })();
  await stage.time.advance(100);
  const a = await stage.startLed("a");
  await stage.time.advance(30_000);
  a.stop.abort();
  const b = await stage.startLed("b");
  await stage.time.advance(100);
  stage.server.deleteLease(lease.namespace, lease.name);
  await stage.time.advance(100);
  end.abort(new Error("enough"));
  await assert.rejects(observing, /enough/);
  const names = seen.map((line) => line.split(" ")[0]);
  assert.deepEqual(names, ["", "a", "", "b", ""]);
  assert.match(seen[1]!, /^a 2026-01-01T00:00:00/);
  assert.ok(b.terms[0]!.signal.aborted);
});

test("observe() tells a campaigner of itself, and ends with a break", async () => {
  const stage = new Stage();
  const a = await stage.startLed("a");
  for await (const leader of a.elector.observe()) {
    assert.deepEqual([leader.identity, leader.isSelf], ["a", true]);
    break;
  }
  assert.equal(a.outcome, undefined, "the campaign goes on");
});

test("observe() of several, and after a pause, looks anew", async () => {
  const stage = new Stage();
  const watcher = new LeaderElector({ lease, identity: "w", host: stage.server.replica() });
  const first = async () => {
    const leaders = watcher.observe();
    const next = leaders.next();
    await stage.time.advance(100);
    const { value } = await next;
    await leaders.return();
    return value?.identity;
  };
  assert.deepEqual([await first(), await first()], ["", ""]);
  const a = await stage.startLed("a");
  a.replica.cut();
  await stage.time.advance(60_000);
  assert.equal(await first(), "a", "what the Lease says, although nobody leads");
});

test("close() ends observers without an error", async () => {
  const stage = new Stage();
  const watcher = new LeaderElector({ lease, identity: "w", host: stage.server.replica() });
  let isOver = false;
  const observing = (async () => {
    for await (const _ of watcher.observe());
    isOver = true;
  })();
  await stage.time.advance(100);
  await watcher.close();
  await observing;
  assert.ok(isOver);
});

test("LeaderElector() names every option that is wrong", () => {
  const durations = { leaseSeconds: 1.5, renewDeadlineSeconds: 10, takeoverDelaySeconds: -1 };
  assert.throws(
    () => new LeaderElector({ lease: { namespace: "A", name: "" }, identity: "\n", durations }),
    (error) => {
      assert.ok(error instanceof SettingsError);
      for (const part of [
        /lease\.namespace is "A": must be lower-case/,
        /lease\.name is "": must be/,
        /identity is "\\n": must be/,
        /durations\.leaseSeconds is 1\.5: must be whole seconds/,
        /durations\.takeoverDelaySeconds is -1: must be whole seconds from 0/,
      ]) {
        assert.match(error.message, part);
      }
      return true;
    },
  );
});

test("an identity is the host's and this elector's alone", () => {
  const [a, b] = [1, 2].map(() => new LeaderElector({ lease }).identity);
  assert.notEqual(a, b);
  assert.match(a!, /^.+_[0-9a-f]{32}$/);
});
