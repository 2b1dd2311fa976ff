/** Clocks that jump, and servers that ask for patience: when the program acts, and when it must not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveTiming } from "../../src/core/timing.ts";
import { Elector } from "./elector.ts";
import { settings } from "./hostile-lives.ts";
import { pickBy } from "./hostile-texts.ts";
import { HostileWorld, type Scene } from "./hostile-world.ts";
import { confirmed } from "./elector.ts";
import { defaultTiming } from "./leases.ts";

interface Led {
  readonly world: HostileWorld;
  /** When the claim was sent. */
  readonly sentAt: number;
}

/** A process whose command runs. */
function lead(more: Readonly<Record<string, string>> = {}): Led {
  const world = new HostileWorld(settings(0, { EVENTS: "0", ...more }), pickBy(1));
  world.take({ type: "answered", id: "lease-1", status: 404, body: "" });
  const claim = world.orders.find((order) => order.type === "request");
  assert.ok(claim !== undefined);
  const sentAt = world.ms;
  const answer = { type: "answered", id: claim.id, status: 201 } as const;
  world.take({ ...answer, body: confirmed(claim, "7") });
  const guard = world.orders.find((order) => order.type === "guard");
  assert.ok(guard?.at !== undefined);
  world.take({ type: "guardReady", at: guard.at });
  assert.ok(world.orders.some(({ type }) => type === "start"));
  world.take({ type: "started", pid: 7 });
  return { world, sentAt };
}

/** The first tick after the process saw no time pass at all. */
function wakeAfter({ world, sentAt }: Led, ms: number): Scene {
  world.ms = sentAt + ms;
  return world.take({ type: "tick" });
}

for (const [what, ms] of [
  ["5 s", 5000],
  ["12 s", 12_000],
  ["a minute", 60_000],
  ["a day", 86_400_000],
  ["2^31 ms", 2 ** 31],
  ["2^53 ms", 2 ** 53],
] as const) {
  const isLost = ms >= defaultTiming.killMs;
  test(`C3 C11 step() ${isLost ? "kills" : "renews"} on the first tick after a suspend of ${what}`, () => {
    const types = wakeAfter(lead(), ms).orders.map(({ type }) => type);
    assert.equal(types.includes("kill"), isLost, types.join());
    assert.equal(types.includes("request"), !isLost, types.join());
  });
}

test("C3 step() signals from G on and kills from H on, to the millisecond", () => {
  const { stopMs, killMs } = defaultTiming;
  for (const [ms, expected] of [
    [stopMs - 1, undefined],
    [stopMs, "signal"],
    [killMs - 1, "signal"],
    [killMs, "kill"],
  ] as const) {
    const ends = wakeAfter(lead(), ms).orders.filter(({ type }) => /^(signal|kill)$/.test(type));
    assert.deepEqual(
      ends.map(({ type }) => type),
      expected === undefined ? [] : [expected],
      `${ms} ms`,
    );
  }
});

test("C6 step() neither starts nor prolongs anything when time seems to go backwards", () => {
  const led = lead();
  for (const ms of [-1, -60_000, -1e6]) {
    const { orders } = wakeAfter(led, ms);
    assert.ok(orders.every(({ type }) => type !== "start" && type !== "guard"));
  }
  // What was armed before is still what counts.
  assert.ok(wakeAfter(led, defaultTiming.killMs).orders.some(({ type }) => type === "kill"));
});

test("C11 step() keeps the deadlines of a lease of a day", () => {
  const day = { LEASE_DURATION: "86400", RENEW_DEADLINE: "40000", RETRY_PERIOD: "20000" };
  const { stopMs, killMs } = deriveTiming({
    leaseSeconds: 86_400,
    renewDeadlineSeconds: 40_000,
    retrySeconds: 20_000,
  });
  assert.deepEqual([stopMs, killMs], [60_000_000, 72_604_042]);
  const ends = (ms: number) => wakeAfter(lead(day), ms).orders.map(({ type }) => type);
  assert.ok(!ends(stopMs - 1).includes("signal"));
  assert.ok(ends(stopMs).includes("signal") && !ends(killMs - 1).includes("kill"));
  assert.ok(ends(killMs).includes("kill"));
});

test("C11 begin() refuses a lease of a second", () => {
  const second = { LEASE_DURATION: "1", RENEW_DEADLINE: "1", RETRY_PERIOD: "1" };
  const { orders, program } = new HostileWorld(settings(0, second), pickBy(1));
  assert.equal(program.name, "finished");
  assert.deepEqual(orders.at(-1), { type: "exit", code: 64 });
});

for (const status of [429, 503]) {
  for (const retryAfterMs of [undefined, -1, 0, 1000, 30_000, 999_999_999_000, 1e308]) {
    test(`N18 step() tries at least 3 times before G at ${status} with a Retry-After of ${retryAfterMs} ms`, () => {
      const elector = new Elector().lead();
      let tries = 0;
      for (elector.next(); elector.ms < defaultTiming.stopMs; elector.retry()) {
        tries += 1;
        elector.answer(status, "", retryAfterMs);
        assert.ok(elector.wakeAt <= defaultTiming.killMs, `sleeps until ${elector.wakeAt}`);
      }
      assert.ok(tries >= 3, `${tries} tries`);
      assert.ok(tries <= 2 * 11, `${tries} tries: no patience at all`);
    });
  }
}

test("N18 step() has a candidate wait as asked, 10 s at most", () => {
  for (const [retryAfterMs, leastMs] of [
    [-1, 500],
    [1000, 1000],
    [30_000, 10_000],
    [1e308, 10_000],
  ] as const) {
    const elector = new Elector().answer(429, "", retryAfterMs);
    assert.ok(elector.wakeAt >= leastMs && elector.wakeAt <= leastMs + 300, `${elector.wakeAt}`);
  }
});
