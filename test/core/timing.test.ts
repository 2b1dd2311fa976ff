/** The inequalities of contract §5, for the durations that people use and for all that are accepted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  clockDrift,
  deriveTiming,
  type Durations,
  startMarginMs,
  type Timing,
  timingMisfits,
} from "../../src/core/timing.ts";

/** κ and K of contract §5, written down here again: a change there has to be meant. */
const deathMs = 250;
const killBudgetMs = 1000;

const defaults = durationsOf(15, 10, 2);
const figures = ["stopMs", "killMs", "endMs", "requestMs", "goWaitMs", "emptyWaitMs"] as const;

const known: readonly [name: string, Durations, readonly number[]][] = [
  ["15/10/2", defaults, [10_605, 11_605, 12_605, 2868, 12_000, 15_000]],
  ["8/5/1", durationsOf(8, 5, 1), [4722, 5722, 6722, 1240, 6000, 8000]],
  ["5/3/1", durationsOf(5, 3, 1), [2201, 3201, 4201, 500, 4000, 5000]],
];

for (const [name, durations, expected] of known) {
  test(`deriveTiming() gives the figures of contract §5 for ${name}`, () => {
    const timing = deriveTiming(durations);
    assert.deepEqual(
      figures.map((figure) => timing[figure]),
      expected,
    );
    assert.deepEqual(timingMisfits(durations), []);
  });
}

test("deriveTiming() lets a takeover delay replace both waits of S7 and nothing else", () => {
  const { goWaitMs, goWaitPerMs, emptyWaitMs, ...rest } = deriveTiming(defaults, 7000);
  assert.deepEqual([goWaitMs, goWaitPerMs, emptyWaitMs], [7000, 0, 7000]);
  assert.deepEqual({ ...deriveTiming(defaults), ...rest }, deriveTiming(defaults));
  assert.equal(deriveTiming(defaults, 0).goWaitMs, 0);
});

test("C11 deriveTiming() keeps 0 < G < H < E with a kill budget and a grace between them", () => {
  forAccepted(({ stopMs, killMs, endMs }) => {
    assert.ok(stopMs > startMarginMs, "a command could never be started (S2)");
    assert.ok(stopMs + 1000 <= killMs, "less than the least grace from TERM to KILL");
    assert.ok(killMs + killBudgetMs <= endMs, "H + K is later than E");
  });
});

test("C5 deriveTiming() ends our time before another's wait on the faster clock is over", () => {
  assert.equal(clockDrift, 0.19);
  forAccepted(({ leaseMs, endMs }) => {
    assert.ok(Number.isInteger(endMs));
    assert.ok(endMs * 119 <= leaseMs * 100, "E · (1 + ρ) is later than D");
    assert.ok((endMs + 1) * 119 > leaseMs * 100, "E is earlier than it has to be");
  });
});

test("deriveTiming() stops no later than client-go, and leaves time for two renewals", () => {
  forAccepted(({ stopMs, retryMs }, { renewDeadlineSeconds }) => {
    assert.ok(stopMs <= retryMs + renewDeadlineSeconds * 1000, "G is later than P + R");
    assert.ok(stopMs >= 2 * retryMs, "G is earlier than 2 P");
  });
});

test("deriveTiming() waits as long as a Go elector may overstay its lease (S7)", () => {
  forAccepted(({ leaseMs, retryMs, goWaitMs, emptyWaitMs }, durations) => {
    const renewDeadlineMs = durations.renewDeadlineSeconds * 1000;
    const overstayMs = (2 * renewDeadlineMs + retryMs) * 1.19 - leaseMs + deathMs;
    assert.ok(goWaitMs >= overstayMs && goWaitMs >= 0);
    assert.ok(goWaitMs < Math.max(0, overstayMs) + 1000, "more than rounded up to a second");
    assert.ok(emptyWaitMs >= leaseMs && emptyWaitMs >= (renewDeadlineMs + deathMs) * 1.19);
  });
});

test("deriveTiming() lets three exchanges fit between a renewal and G", () => {
  forAccepted(({ leaseSeconds, stopMs, retryMs, requestMs }) => {
    assert.ok(requestMs >= 500 && requestMs <= 3000);
    // With D = 5 s and P = 1 s the least time for one exchange is more than a third.
    if (leaseSeconds === 5 && retryMs === 1000) return;
    assert.ok(3 * requestMs <= stopMs - retryMs, `3 · ${requestMs} > ${stopMs} - ${retryMs}`);
  });
});

test("C11 timingMisfits() accepts no lease shorter than 5 s", () => {
  for (let lease = 1; lease < 5; lease++) {
    for (let renew = 1; renew <= lease; renew++) {
      assert.notDeepEqual(timingMisfits(durationsOf(lease, renew, 1)), []);
    }
  }
});

test("timingMisfits() names the least lease duration that would do", () => {
  for (let retry = 1; retry <= 40; retry++) {
    const [misfit] = timingMisfits(durationsOf(2 * retry + 2, 2 * retry, retry));
    const least = Number(/at least (\d+) s/.exec(misfit?.right ?? "")?.[1]);
    assert.deepEqual(timingMisfits(durationsOf(least, 2 * retry, retry)), []);
    assert.notDeepEqual(timingMisfits(durationsOf(least - 1, 2 * retry, retry)), []);
  }
});

const impossible = { NaN: Number.NaN, negative: -2, zero: 0, infinite: Number.POSITIVE_INFINITY };

for (const [what, value] of Object.entries(impossible)) {
  for (const field of ["leaseSeconds", "renewDeadlineSeconds", "retrySeconds"] as const) {
    test(`timingMisfits() refuses ${what} ${field}`, () => {
      assert.notDeepEqual(timingMisfits({ ...defaults, [field]: value }), []);
    });
  }
}

test("timingMisfits() refuses fractions of a second, which the record cannot hold (I2)", () => {
  assert.notDeepEqual(timingMisfits(durationsOf(15.5, 10, 2)), []);
});

/** Every combination up to 40 s, and samples up to a day (C11). */
function forAccepted(check: (timing: Timing, durations: Durations) => void): void {
  let accepted = 0;
  for (let lease = 1; lease <= 40; lease++) {
    for (let renew = 1; renew < lease; renew++) {
      for (let retry = 1; retry <= renew; retry++) {
        accepted += checkAccepted(durationsOf(lease, renew, retry), check);
      }
    }
  }
  assert.ok(accepted > 1000, `only ${accepted} combinations are accepted`);
  const seconds = fc.integer({ min: 1, max: 86_400 });
  const samples = fc.tuple(seconds, seconds, seconds).map((three) => {
    const [retry = 0, renew = 0, lease = 0] = three.toSorted((a, b) => a - b);
    return durationsOf(lease, renew, retry);
  });
  fc.assert(fc.property(samples, (durations) => void checkAccepted(durations, check)));
}

function checkAccepted(durations: Durations, check: Parameters<typeof forAccepted>[0]): number {
  if (timingMisfits(durations).length > 0) return 0;
  check(deriveTiming(durations), durations);
  return 1;
}

function durationsOf(lease: number, renew: number, retry: number): Durations {
  return { leaseSeconds: lease, renewDeadlineSeconds: renew, retrySeconds: retry };
}
