/** From when on a candidate may claim a Lease that is gone (I13). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMark, type Mark } from "../../src/core/lease.ts";
import { instant } from "../../src/core/protocol.ts";
import { claimableAt, missing, type Self, sight, type Sighting } from "../../src/core/sighting.ts";
import { defaultTiming, lease, type LeaseParts, timeText } from "./leases.ts";

const mine: Mark = { incarnation: "me", podUid: "pod-1", pid1: true };
const self: Self = { identity: "a", mark: mine, soleHolder: true, strict: false };
const at = timeText(1);
const held: LeaseParts = { holder: "b", acquireTime: at, renewTime: at, durationSeconds: 20 };
const since = instant(1000);
const other = formatMark({ incarnation: "other", podUid: "pod-2", pid1: true }, at);
const own = formatMark(mine, at);

test("sight() starts the wait anew after an absence", () => {
  const gone = missing(sight(undefined, lease(held), self, [], since), true, instant(2000));
  assert.equal(sight(gone, lease(held), self, [], instant(5000)).firstSeenAt, 5000);
});

interface Absence {
  readonly before: LeaseParts | undefined;
  /** False where it may have been another's since. */
  readonly isLast?: boolean;
  readonly ownWrites?: readonly string[];
  readonly waitMs: number;
  readonly strictWaitMs: number;
}

const absences: Readonly<Record<string, Absence>> = {
  "that was never seen": { before: undefined, waitMs: 0, strictWaitMs: 15_000 },
  "held by another": { before: { ...held, term: other }, waitMs: 15_000, strictWaitMs: 15_000 },
  "held by a Go peer": { before: held, waitMs: 15_000, strictWaitMs: 15_000 },
  "emptied by others": { before: { renewTime: at }, waitMs: 15_000, strictWaitMs: 15_000 },
  "released by us": {
    before: { renewTime: at, released: `x/${at}` },
    waitMs: 0,
    strictWaitMs: 0,
  },
  "held by itself": {
    before: { ...held, holder: "a", term: own },
    ownWrites: [at],
    waitMs: 0,
    strictWaitMs: 0,
  },
  "released by us, and perhaps taken since": {
    before: { renewTime: at, released: `x/${at}` },
    isLast: false,
    waitMs: 15_000,
    strictWaitMs: 15_000,
  },
  "held by itself, and perhaps lost since": {
    before: { ...held, holder: "a", term: own },
    ownWrites: [at],
    isLast: false,
    waitMs: 15_000,
    strictWaitMs: 15_000,
  },
};

for (const [what, absence] of Object.entries(absences)) {
  const { before, ownWrites = [], isLast = true, ...waits } = absence;
  for (const [strict, waitMs] of [
    [false, waits.waitMs],
    [true, waits.strictWaitMs],
  ] as const) {
    test(`missing() I13: a lease ${what}${strict ? ", with STRICT" : ""}`, () => {
      const me = { ...self, strict };
      const seen = before && sight(undefined, lease(before), me, ownWrites, instant(10));
      const absent: Sighting = missing(missing(seen, isLast, since), true, instant(4000));
      assert.equal(absent.firstSeenAt, since, "the second look restarted the wait");
      assert.equal(claimableAt(absent, me, defaultTiming, 0), afterWait(waitMs));
    });
  }
}

test("claimableAt() waits for a holder whose Lease is gone, whoever made another since (A8, I13)", () => {
  const stranger = formatMark({ incarnation: "stranger", podUid: "pod-3", pid1: true }, at);
  const seen = sight(undefined, lease({ ...held, term: other }), self, [], instant(500));
  const gone = missing(seen, true, since);
  const waited = afterWait(defaultTiming.leaseMs);
  const releasedBy = (mark: string) =>
    lease({ uid: "uid-2", renewTime: at, acquireTime: at, term: mark, released: `${mark}/${at}` });
  const claimAt = (sighting: Sighting) => claimableAt(sighting, self, defaultTiming, 0);

  const another = sight(gone, releasedBy(stranger), self, [], instant(1100));
  assert.equal(another.standing, "free");
  assert.equal(claimAt(another), waited);
  assert.equal(claimAt(missing(another, true, instant(1200))), waited, "it is gone as well");
  // The holder itself: its tree was empty before it claimed again (S2).
  assert.equal(claimAt(sight(gone, releasedBy(other), self, [], instant(1100))), 1100);
  const again = sight(another, releasedBy(other), self, [], instant(1300));
  assert.equal(claimAt(again), 1300);
  assert.equal(claimAt(missing(again, true, instant(1400))), 1400);
});

/** Strictly later than the wait (I5); at once where there is none. */
function afterWait(waitMs: number | undefined): number | undefined {
  if (waitMs === undefined) return undefined;
  return waitMs === 0 ? since : since + waitMs + 1;
}
