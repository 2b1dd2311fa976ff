/** What client-go does in one situation each, right or wrong, and so do its models (contract §1). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Scene } from "./go-elector-scene.ts";

const some = Array.from({ length: 20 }, (_, number) => number + 1);

test("GoElector carries acquireTime and transitions over, and counts a takeover", () => {
  const scene = new Scene({ seed: 1, followers: 1 });
  const first = scene.lease!;
  scene.leader.crash();
  scene.run(25_000);
  const taken = scene.lease!;
  scene.run(5000);
  const renewed = scene.lease!;
  assert.deepEqual([first.transitions, taken.transitions, renewed.transitions], [0, 1, 1]);
  assert.deepEqual([first.holder, taken.holder, taken.durationSeconds], ["go-0", "go-1", 15]);
  assert.ok(first.acquireTime! < taken.acquireTime!);
  assert.equal(renewed.acquireTime, taken.acquireTime);
  assert.ok(renewed.renewTime! > taken.renewTime!);
});

test("GoElector takes an emptied Lease back silently, with the same command (DL6)", () => {
  const scene = new Scene({ seed: 1, followers: 0 });
  scene.edit({ holderIdentity: "" });
  scene.run(4000);
  assert.deepEqual([scene.lease?.holder, scene.lease?.transitions], ["go-0", 1]);
  assert.deepEqual([scene.works.startsMs.length, scene.works.running], [1, 1]);
});

test("GoElector creates a deleted Lease anew, with the same command", () => {
  const scene = new Scene({ seed: 1, followers: 0 });
  const { uid } = scene.lease!;
  scene.deleteLease();
  scene.run(4000);
  assert.notEqual(scene.lease?.uid, uid);
  assert.deepEqual([scene.lease?.holder, scene.works.startsMs.length], ["go-0", 1]);
  assert.equal(scene.works.running, 1);
});

test("GoElector takes a Lease with its own name at once, and no transition shows it (DL7)", () => {
  const scene = new Scene({ seed: 1, replica: { restartMs: 200, isPid1: false } });
  scene.leader.crash();
  scene.run(300);
  assert.deepEqual([scene.lease?.transitions, scene.works.startsMs.length], [0, 2]);
  assert.equal(
    scene.works.running,
    2,
    "as it was not PID 1, the command of its first life runs on",
  );
});

test("GoElector sees change in whole seconds (DL11)", () => {
  const scene = new Scene({ seed: 1, followers: 1 });
  const second = scene.lease!.renewTime!.slice(0, -".000000Z".length);
  scene.leader.crash();
  for (let count = 0; count < 80; count++) {
    scene.edit({ renewTime: `${second}.${100_000 + count}Z` });
    scene.run(250);
  }
  assert.equal(scene.lease?.holder, "go-1", "a record that kept changing counted as the same");
});

test("GoElector waits while whole seconds change, whatever they say", () => {
  const scene = new Scene({ seed: 1, followers: 1 });
  scene.leader.crash();
  for (let count = 0; count < 40; count++) {
    scene.run(1000);
    scene.edit({ renewTime: `2001-01-01T00:00:${10 + count}.000000Z` });
  }
  assert.equal(scene.lease?.holder, "go-0");
});

test("GoElector tries every P until R, as the leader", () => {
  const scene = new Scene({ seed: 1, followers: 0 });
  const before = scene.proxy.requests.PUT;
  scene.proxy.refuse();
  scene.run(20_000);
  assert.equal(scene.proxy.requests.PUT - before, 5);
});

test("GoElector starts on an answer that comes after its Lease has run out (DL4)", () => {
  assert.ok(Math.abs(lateAcquisition(Infinity) - 10) < 0.1, "two run until R");
  assert.equal(lateAcquisition(5000), 0, "a client timeout prevents it");
});

test("GoElector trusts the rate of its clock: too slow a leader stops too late (DL9)", () => {
  assert.equal(overlapAtRate(1), 0);
  assert.ok(overlapAtRate(0.55) > 1000);
});

test("GoElector with the release of v0.30 never empties another's Lease", () => {
  for (const seed of some) {
    const scene = new Scene({ seed, replica: { release: "v0.30" } });
    scene.proxy.cut();
    scene.run(21_000);
    assert.notEqual(scene.lease?.holder, "go-0");
    scene.proxy.heal();
    scene.run(1000);
    assert.deepEqual([scene.wipes, scene.works.running], [0, 1]);
  }
});

test("GoElector with the release of v0.30 empties its own at SIGTERM", () => {
  const replica = { release: "v0.30", handlesSigterm: true } as const;
  const scene = new Scene({ seed: 1, followers: 0, replica });
  scene.leader.terminate();
  scene.run(100);
  const { holder, durationSeconds, transitions } = scene.lease!;
  assert.deepEqual([holder, durationSeconds, transitions], ["", 1, 0]);
  assert.equal(scene.works.running, 0);
});

test("GoReplica ends its command beside the release at SIGTERM, and not after it", () => {
  const scene = new Scene({ seed: 1, followers: 0, replica: { handlesSigterm: true } });
  scene.proxy.cut();
  scene.leader.terminate();
  scene.run(10);
  assert.deepEqual([scene.works.running, scene.lease?.holder], [0, "go-0"]);
});

test("GoReplica that is not PID 1 leaves its command behind at SIGTERM", () => {
  const scene = new Scene({ seed: 1, replica: { isPid1: false } });
  scene.leader.terminate();
  scene.run(25_000);
  assert.equal(scene.works.running, 2);
});

test("GoReplica crashed while it is down starts once, and never after SIGTERM", () => {
  const scene = new Scene({ seed: 1, followers: 0, replica: { restartMs: 1000 } });
  scene.leader.crash();
  scene.run(500);
  scene.leader.crash();
  scene.run(3000);
  assert.deepEqual([scene.works.startsMs.length, scene.works.running], [2, 1]);
  scene.leader.crash();
  scene.leader.terminate();
  scene.run(3000);
  assert.deepEqual([scene.works.startsMs.length, scene.works.running], [2, 0]);
});

test("GoReplica starts again after a loss, and leads again", () => {
  const scene = new Scene({ seed: 1, followers: 0, replica: { restartMs: 1000 } });
  scene.proxy.cut();
  scene.run(23_000);
  assert.equal(scene.works.running, 0, "R after the last renewal, and R for the release");
  scene.proxy.heal();
  scene.run(5000);
  assert.deepEqual([scene.works.startsMs.length, scene.works.running], [2, 1]);
});

/** For how many seconds two run when the answer to a takeover comes 22 s late. */
function lateAcquisition(clientTimeoutMs: number): number {
  const scene = new Scene({ seed: 1, replica: { clientTimeoutMs } });
  scene.leader.crash();
  // The step is shorter than an answer takes.
  scene.until("a takeover", 0.2, () => scene.lease?.holder !== "go-0");
  const taker = scene.replicas.findIndex(({ options }) => options.identity === scene.lease?.holder);
  scene.proxies[taker]!.cut();
  scene.run(22_000);
  assert.equal(scene.works.startsMs.length, 2, "the third replica has taken over");
  scene.proxies[taker]!.heal();
  scene.run(20_000);
  return scene.works.overlapMs / 1000;
}

/** For how many milliseconds two run when a leader whose clock is so fast stops by it. */
function overlapAtRate(leaderRate: number): number {
  const scene = new Scene({ seed: 1, leaderRate, replica: { release: "none" } });
  scene.proxy.cut();
  scene.run(40_000);
  return scene.works.overlapMs;
}
