/**
 * The simulator must bite: with Go replicas alone it shows what was measured of them on a real API
 * server (contract §7), in the same sizes, and what §1.9 says of client-go.
 *
 * Sizes are those of the Go original unless a title names another; "near" is within 20 %. The seeds
 * are fixed, so every figure here is the same in every run.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Scene, type SceneOptions } from "./go-elector-scene.ts";

const runs = 60;
const clientGo = { handlesSigterm: true };

/** Least, median and greatest, as measured. */
type Range = readonly [least: number, median: number, greatest: number];

test("GoReplica in a black hole: two commands in every run, 2.4 / 4.6 / 6.8 s (DL1)", () => {
  const overlaps = overlapsOf({}, (scene) => scene.proxy.cut(), 30);
  assert.ok(overlaps[0]! > 0);
  assertLike(overlaps, [2.4, 4.6, 6.8]);
});

test("GoReplica with the release of v0.30 in a black hole: 27 s of two commands", () => {
  const replica = { release: "v0.30" } as const;
  const overlaps = overlapsOf({ replica }, (scene) => scene.proxy.cut(), 55);
  assertLike(overlaps, [27, 27, 27]);
});

test("GoReplica without a release in a black hole: never two commands", () => {
  const replica = { release: "none" } as const;
  const overlaps = overlapsOf({ replica }, (scene) => scene.proxy.cut(), 30);
  assert.deepEqual(new Set(overlaps), new Set([0]));
});

test("GoReplica whose connections are reset: 4.8 s of two commands", () => {
  assertNear(median(overlapsOf({}, (scene) => scene.proxy.reset(), 30)), 4.8);
});

test("GoReplica whose connections are refused: nobody leads for 4.0 / 5.9 / 8.6 s", () => {
  const gaps = samples({}, (scene) => {
    scene.proxy.refuse();
    const beforeMs = scene.works.emptyMs;
    scene.run(30_000);
    assert.equal(scene.works.overlapMs, 0);
    return scene.works.emptyMs - beforeMs;
  });
  assertLike(gaps, [4.0, 5.9, 8.6]);
});

test("GoReplica answered 9.5 s late, then in a black hole: 13.1 s of two commands (DL3)", () => {
  const overlaps = overlapsOf({}, fade, 40);
  assertNear(median(overlaps), 13.1);
  assertNear(overlaps.at(-1)!, 15.4);
});

for (const [followers, count, of] of [
  [1, 3, 24],
  [2, 19, 32],
  [4, 19, 24],
] as const) {
  const title = `two commands in ${count} of ${of} runs, 9.9 to 11.9 s (DL5)`;
  test(`GoReplica among ${followers + 1} replicas, the Lease deleted: ${title}`, () => {
    const overlaps = overlapsOf({ followers }, (scene) => scene.deleteLease(), 20);
    const some = overlaps.filter((overlap) => overlap > 0);
    assertShare(some.length / runs, count, of);
    for (const overlap of some) assert.ok(overlap > 9.9 && overlap < 12.1, `${overlap} s`);
  });
}

test("GoReplica frozen for 25 s with its command: 10.0 s of two commands in every run", () => {
  const overlaps = overlapsOf({}, (scene) => scene.leader.freeze(25_000, true), 40);
  for (const overlap of overlaps) assert.ok(overlap > 9.9 && overlap < 12.1, `${overlap} s`);
  // P more for a renewal whose answer had not been read yet: so it is in 1 of 400.
  const usual = overlaps.filter((overlap) => overlap < 10.1);
  assert.ok(usual.length >= runs - 2, `${runs - usual.length} lasted longer`);
});

test("GoReplica suspended for 25 s: 10 to 12 s of two commands (DL8)", () => {
  const overlaps = overlapsOf({}, (scene) => scene.leader.freeze(25_000, false), 42);
  for (const overlap of overlaps) assert.ok(overlap > 10 && overlap < 12.1, `${overlap} s`);
  assert.ok(overlaps.at(-1)! > 11.5, "its clock stood still: the sleep went on after it woke");
});

test("GoReplica healed 12 to 24 s after the cut: 23 of 78 wipe a Lease, 15.8 s of two (DL2)", () => {
  const wiped: number[] = [];
  for (let seed = 1; seed <= runs; seed++) {
    const scene = new Scene({ seed, replica: { restartMs: 1000 } });
    scene.proxy.cut();
    scene.run(12_000 + 500 * (seed % 25));
    scene.proxy.heal();
    scene.run(35_000);
    if (scene.wipes > 0) wiped.push(scene.works.overlapMs / 1000);
  }
  assertShare(wiped.length / runs, 23, 78);
  assertNear(quantile(wiped.sort(ascending), 22 / 23), 15.8);
});

test("GoReplica crashed: the next is 18.6 / 17.5 / 16.7 s after the last renewal of 2 / 3 / 5", () => {
  const takeovers = [1, 2, 4].map((followers) =>
    samples({ followers }, (scene) => {
      scene.leader.crash();
      const renewedMs = scene.lastClaimMs;
      return untilNext(scene) - renewedMs;
    }),
  );
  // D is in all of them: only what comes on top of it tells anything, and 5 % of D is a lot of that.
  for (const [number, measured] of [18.6, 17.5, 16.7].entries()) {
    const found = median(takeovers[number]!);
    assert.ok(Math.abs(found - measured) < 0.75, `${found}, but ${measured} was measured`);
  }
  const all = takeovers.flat().sort(ascending);
  assertNear(quantile(all, 0.95) - 15, 20.6 - 15);
  assertNear(all.at(-1)! - 15, 22.2 - 15);
});

test("GoReplica asks 30 times a minute as the leader, and 19 times as a follower", () => {
  const scene = new Scene({ seed: 1, followers: 12 });
  const before = scene.proxies.map(({ requests }) => ({ ...requests }));
  scene.run(60_000);
  const asked = (method: "GET" | "PUT") =>
    scene.proxies.map(({ requests }, number) => requests[method] - before[number]![method]);
  assert.deepEqual([asked("PUT")[0], asked("GET")[0]], [30, 0]);
  const [, ...byFollowers] = asked("GET");
  assertNear(median(byFollowers.sort(ascending)), 19);
});

test("GoReplica dead by SIGTERM: the next command 14.8 / 17.0 / 19.6 s later", () => {
  assertLike(handovers({}), [14.8, 17.0, 19.6]);
});

test("GoReplica that releases at SIGTERM: the next command 0.08 / 1.35 / 2.74 s later", () => {
  const next = handovers(clientGo);
  // Few runs were measured (16 at the least), and half of them took longer than the median.
  assertShare(next.filter((seconds) => seconds > 1.35).length / runs, 8, 16);
  assert.ok(next[0]! < 0.2, `the least is ${next[0]} s`);
  assertNear(next.at(-1)!, 2.74);
});

/** For how many seconds two commands ran, in runs that last so many seconds after the fault. */
function overlapsOf(
  options: Omit<SceneOptions, "seed">,
  strike: (scene: Scene) => void,
  seconds: number,
): number[] {
  return samples(options, (scene) => {
    strike(scene);
    scene.run(seconds * 1000);
    return scene.works.overlapMs;
  });
}

function handovers(replica: NonNullable<SceneOptions["replica"]>): number[] {
  return samples({ replica }, (scene) => {
    const atMs = scene.world.nowMs;
    scene.leader.terminate();
    const nextMs = untilNext(scene);
    // The command dies beside the release and not after it: a few milliseconds either way.
    assert.ok(scene.works.overlapMs < 10, `${scene.works.overlapMs} ms of two commands`);
    return nextMs - atMs;
  });
}

/** One figure of each run, in seconds, the least first. */
function samples(options: Omit<SceneOptions, "seed">, playMs: (scene: Scene) => number): number[] {
  const seeds = Array.from({ length: runs }, (_, number) => number + 1);
  return seeds.map((seed) => playMs(new Scene({ ...options, seed })) / 1000).sort(ascending);
}

/** When the next command started. */
function untilNext(scene: Scene): number {
  scene.run(25_000);
  const [, nextMs] = scene.works.startsMs;
  return nextMs ?? assert.fail("nobody took over");
}

/** A black hole from the first answer on that came 9.5 s late. */
function fade(scene: Scene): void {
  const lateMs = 9500;
  const leastMs = scene.world.nowMs + lateMs;
  scene.proxy.delayAnswers(lateMs);
  scene.until("a late answer", 10, () => scene.proxy.answeredMs >= leastMs);
  scene.proxy.cut();
}

function assertNear(found: number, measured: number): void {
  const ratio = found / measured;
  assert.ok(ratio > 0.8 && ratio < 1.2, `${found.toFixed(2)}, but ${measured} was measured`);
}

/** Near in the middle, as wide as what was measured, and hardly ever far beyond it. */
function assertLike(found: readonly number[], [least, middle, greatest]: Range): void {
  assertNear(median(found), middle);
  assert.ok(found[0]! < 1.2 * least, `never less than ${found[0]}`);
  assert.ok(found.at(-1)! > 0.8 * greatest, `never more than ${found.at(-1)}`);
  const beyond = found.filter((one) => one < 0.8 * least || one > 1.2 * greatest);
  assert.ok(beyond.length <= 0.05 * runs, `far beyond: ${beyond.join(", ")}`);
}

/** What was counted could be chance with this share: 2.58 standard errors are 1 in 100. */
function assertShare(share: number, count: number, of: number): void {
  const error = Math.sqrt(share * (1 - share) * (1 / of + 1 / runs));
  const distance = Math.abs(count / of - share) / error;
  assert.ok(distance < 2.58, `${share.toFixed(3)}, but ${count} of ${of} was measured`);
}

function median(sorted: readonly number[]): number {
  return quantile(sorted, 0.5);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(share * sorted.length)]!;
}

function ascending(a: number, b: number): number {
  return a - b;
}
