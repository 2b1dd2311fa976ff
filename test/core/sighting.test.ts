/** From when on a candidate may claim what it has seen: the table of S7, I4–I7, I13 and L8. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMark, type Mark } from "../../src/core/lease.ts";
import { instant } from "../../src/core/protocol.ts";
import { claimableAt, isOwn, type Self, sight, type Standing } from "../../src/core/sighting.ts";
import { deriveTiming } from "../../src/core/timing.ts";
import { defaultTiming, lease, type LeaseParts, timeText } from "./leases.ts";

const mine: Mark = { incarnation: "me", podUid: "pod-1", pid1: true };
const self: Self = { identity: "a", mark: mine, soleHolder: true, strict: false };
const at = timeText(1);
const held: LeaseParts = { holder: "b", acquireTime: at, renewTime: at, durationSeconds: 20 };
const since = instant(1000);

const other = formatMark({ incarnation: "other", podUid: "pod-2", pid1: true }, at);
const former = formatMark({ incarnation: "former", podUid: "pod-1", pid1: true }, at);
const own = formatMark(mine, at);

interface Row {
  /** Of the fault matrix. */
  readonly row?: "O5" | "O6" | "O7" | "O8";
  readonly what: string;
  readonly found: LeaseParts;
  readonly standing: Standing;
  /** Undefined: never. */
  readonly waitMs: number | undefined;
}

const rows: readonly Row[] = [
  {
    what: "our release mark",
    found: { renewTime: at, acquireTime: at, released: `${other}/${at}` },
    standing: "free",
    waitMs: 0,
  },
  { what: "never held", found: {}, standing: "free", waitMs: 0 },
  {
    what: "held by one of ours",
    found: { ...held, term: other },
    standing: "peer",
    waitMs: 20_000,
  },
  {
    row: "O6",
    what: "held by one of ours, without a duration (I5)",
    found: { holder: "b", acquireTime: at, renewTime: at, term: other },
    standing: "peer",
    waitMs: 15_000,
  },
  { what: "held by a Go peer", found: held, standing: "foreign", waitMs: 36_000 },
  {
    what: "held by a Go peer that kept our mark",
    found: { ...held, acquireTime: timeText(2), term: other },
    standing: "foreign",
    waitMs: 36_000,
  },
  {
    row: "O6",
    what: "held by a Go peer with an impossible duration",
    found: { ...held, durationSeconds: -1 },
    standing: "foreign",
    waitMs: 27_000,
  },
  {
    row: "O6",
    what: "held with an int32 of duration",
    found: { ...held, durationSeconds: 2 ** 31 - 1 },
    standing: "foreign",
    waitMs: (2 ** 31 - 1) * 1000 + 12_000 + ((2 ** 31 - 1) * 1000 - 15_000) * 0.8,
  },
  {
    what: "released by a Go peer",
    found: { acquireTime: at, renewTime: at, durationSeconds: 1 },
    standing: "emptied",
    waitMs: 15_000,
  },
  {
    what: "released by a Go peer that kept our older release mark",
    found: { acquireTime: at, renewTime: timeText(9), released: `${other}/${at}` },
    standing: "emptied",
    waitMs: 15_000,
  },
  {
    what: "emptied by hand: an acquireTime is left",
    found: { acquireTime: at },
    standing: "emptied",
    waitMs: 15_000,
  },
  {
    row: "O7",
    what: "appointed by a coordinator, to nobody yet (§1.7)",
    found: { spec: { strategy: "OldestEmulationVersion" } },
    standing: "appointed",
    waitMs: undefined,
  },
  {
    row: "O7",
    what: "appointed by a coordinator, and held",
    found: { ...held, spec: { strategy: "OldestEmulationVersion" } },
    standing: "foreign",
    waitMs: 36_000,
  },
  {
    row: "O8",
    what: "being deleted",
    found: { ...held, metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } },
    standing: "foreign",
    waitMs: undefined,
  },
  {
    row: "O8",
    what: "being deleted, released by us",
    found: {
      renewTime: at,
      released: `${other}/${at}`,
      metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" },
    },
    standing: "free",
    waitMs: undefined,
  },
  {
    what: "held by this pod's former process (L8)",
    found: { ...held, holder: "a", term: former },
    standing: "predecessor",
    waitMs: 0,
  },
  {
    row: "O5",
    what: "our own identity, in another incarnation (S9)",
    found: { ...held, holder: "a", term: other },
    standing: "peer",
    waitMs: 20_000,
  },
];

for (const { row, what, found, standing, waitMs } of rows) {
  test(`${row === undefined ? "" : `${row} `}claimableAt() S7: ${what}`, () => {
    const sighting = sight(undefined, lease(found), self, [], since);
    assert.equal(sighting.standing, standing);
    assert.equal(claimableAt(sighting, self, defaultTiming, 0), afterWait(waitMs));
  });
}

test("claimableAt() adds the spread after a wait only (L1)", () => {
  const claimable = [{}, { ...held, term: other }].map((found) => {
    const sighting = sight(undefined, lease(found), self, [], since);
    return claimableAt(sighting, self, defaultTiming, 70);
  });
  assert.deepEqual(claimable, [1000, 21_071]);
});

const delays: readonly (readonly [delayMs: number, found: LeaseParts, claimableAt: number])[] = [
  [0, held, 21_001],
  [5000, held, 26_001],
  [0, { renewTime: at }, 1000],
  [5000, { renewTime: at }, 6001],
  [60_000, { ...held, term: other }, 21_001],
];

for (const [delayMs, found, expected] of delays) {
  test(`claimableAt() obeys a takeover delay of ${delayMs} ms, until ${expected}`, () => {
    const durations = { leaseSeconds: 15, renewDeadlineSeconds: 10, retrySeconds: 2 };
    const sighting = sight(undefined, lease(found), self, [], since);
    assert.equal(claimableAt(sighting, self, deriveTiming(durations, delayMs), 0), expected);
  });
}

const notAlike: Readonly<Record<string, { self?: Partial<Self>; term?: string }>> = {
  "without the start lock": { self: { soleHolder: false } },
  "unless it is PID 1 itself": { self: { mark: { ...mine, pid1: false } } },
  "unless its predecessor was": { term: `former/pod-1/${at}` },
  "of another pod": { term: `former/pod-2/${at}/pid1` },
  "without a pod UID": {
    self: { mark: { ...mine, podUid: "" } },
    term: `former//${at}/pid1`,
  },
};

for (const [condition, { self: changes, term = former }] of Object.entries(notAlike)) {
  test(`sight() knows no predecessor ${condition} (L8)`, () => {
    const me = { ...self, ...changes };
    assert.equal(sight(undefined, lease({ ...held, term }), me, [], since).standing, "peer");
  });
}

test("sight() takes for its own only what it wrote (S6, DL7)", () => {
  const found = lease({ ...held, holder: "a", term: own });
  assert.equal(sight(undefined, found, self, [at], since).standing, "own");
  assert.equal(sight(undefined, found, self, [], since).standing, "foreign");
  assert.equal(sight(undefined, found, self, [timeText(2)], since).standing, "foreign");
  assert.ok(isOwn(found, self, [at]));
  assert.ok(!isOwn(lease({ ...held, term: own }), self, [at]), "another's name");
  assert.ok(!isOwn(lease({ ...held, holder: "a", term: other }), self, [at]), "another's mark");
  assert.ok(!isOwn(lease({ holder: "a", acquireTime: at, term: own }), self, [at]), "no time");
});

test("N17 sight() counts from the first sight of the record, whoever annotates it (I4)", () => {
  const first = sight(undefined, lease({ ...held, term: other }), self, [], since);
  const same = sight(
    first,
    lease({ ...held, term: other, version: "99" }),
    self,
    [],
    instant(5000),
  );
  assert.equal(same.firstSeenAt, since);
  assert.equal(same.lease.version, "99", "the claim is based on the newest object");
});

for (const [what, change] of Object.entries({
  renewTime: { renewTime: timeText(2) },
  acquireTime: { acquireTime: timeText(2) },
  holder: { holder: "c" },
  duration: { durationSeconds: 21 },
  incarnation: { term: former },
  transitions: { spec: { leaseTransitions: 9 } },
  uid: { uid: "uid-2" },
} satisfies Record<string, LeaseParts>)) {
  test(`sight() starts the wait anew with another ${what} (I4)`, () => {
    const first = sight(undefined, lease({ ...held, term: other }), self, [], since);
    const next = sight(first, lease({ ...held, term: other, ...change }), self, [], instant(5000));
    assert.equal(next.firstSeenAt, 5000);
  });
}

/** Strictly later than the wait (I5); at once where there is none. */
function afterWait(waitMs: number | undefined): number | undefined {
  if (waitMs === undefined) return undefined;
  return waitMs === 0 ? since : since + waitMs + 1;
}
