import assert from "node:assert/strict";
import { uptime } from "node:os";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { type ClockSources, createClock, settle } from "../../src/node/clock.ts";

function fakeSources(): ClockSources & { monotonic: number; up: number; wall: number } {
  return {
    monotonic: 1000,
    up: 5000,
    wall: 0,
    monotonicMs() {
      return this.monotonic;
    },
    uptimeMs() {
      return this.up;
    },
    wallMs() {
      return this.wall;
    },
  };
}

test("C3 createClock() counts a suspend, in which the monotonic clock stands still", () => {
  const sources = fakeSources();
  const clock = createClock(sources);
  const before = clock.now().instant;
  sources.up += 60_000;
  sources.monotonic += 5;
  assert.equal(clock.now().instant - before, 60_000);
});

test("createClock() is as fine as the monotonic clock between two ticks of the uptime", () => {
  const sources = fakeSources();
  const clock = createClock(sources);
  const before = clock.now().instant;
  sources.monotonic += 0.25;
  assert.equal(clock.now().instant - before, 0.25);
});

test("createClock() never goes back, whatever the phase of the uptime's ticks", () => {
  const sources = fakeSources();
  const clock = createClock(sources);
  let last = clock.now().instant;
  for (let ms = 0.3; ms < 100; ms += 0.3) {
    sources.monotonic = 1000 + ms;
    sources.up = Math.floor((5000 + ms) / 10) * 10;
    const { instant } = clock.now();
    assert.ok(instant >= last && instant <= 5000 + ms + 1e-9);
    last = instant;
  }
});

test("C4 createClock() takes no notice of the wall clock", () => {
  const sources = fakeSources();
  const clock = createClock(sources);
  const before = clock.now();
  sources.wall = -3_600_000;
  const after = clock.now();
  assert.equal(after.instant, before.instant);
  assert.equal(after.wallMs, -3_600_000);
});

test("C6 createClock() throws when a clock goes back", () => {
  for (const name of ["up", "monotonic"] as const) {
    const sources = fakeSources();
    const clock = createClock(sources);
    clock.now();
    sources[name] -= 10;
    assert.throws(() => clock.now(), /Cannot trust the \w+ clock: it went backwards, from \d+ ms/);
  }
});

test("C6 createClock() throws when a clock is unreadable", () => {
  for (const unreadable of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    const sources = fakeSources();
    sources.up = unreadable;
    assert.throws(() => createClock(sources).now(), /Cannot read the uptime clock/);
  }
});

test("settle() leaves the clock less than a millisecond behind the kernel's", () => {
  const clock = createClock();
  settle(clock);
  const first = uptime();
  let tick = first;
  while (tick === first) tick = uptime();
  // Right after a tick the uptime is exact.
  const lagMs = tick * 1000 - clock.now().instant;
  assert.ok(lagMs < 1 && lagMs > -5, `${lagMs} ms`);
});

test("createClock() shows the same time in a worker", async () => {
  const clockUrl = new URL("../../src/node/clock.js", import.meta.url).href;
  const script = `
    const { parentPort } = require("node:worker_threads");
    import(${JSON.stringify(clockUrl)}).then(({ createClock, settle }) => {
      const clock = createClock();
      settle(clock);
      parentPort.on("message", () => parentPort.postMessage(clock.now().instant));
      parentPort.postMessage("ready");
    });`;
  const worker = new Worker(script, { eval: true });
  const answer = () => new Promise((resolve) => worker.once("message", resolve));
  await answer();
  const clock = createClock();
  settle(clock);
  for (let i = 0; i < 20; i += 1) {
    const before = clock.now().instant;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage("?");
    const theirs = Number(await answer());
    const after = clock.now().instant;
    assert.ok(theirs > before - 15 && theirs < after + 15, `${before} ${theirs} ${after}`);
  }
  await worker.terminate();
});
