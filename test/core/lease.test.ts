import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isNewer } from "../../src/core/json.ts";
import {
  claimBody,
  formatMark,
  isReleased,
  isReleaseOf,
  type Mark,
  nextTransitions,
  readLease,
  recordKey,
  releaseBody,
  validMark,
} from "../../src/core/lease.ts";
import { formatMicroTime } from "../../src/core/json.ts";
import type { Change } from "../../src/core/lease-story.ts";
import { lease, type LeaseParts, leaseText, timeText } from "./leases.ts";

const mark: Mark = { incarnation: "i-1", podUid: "pod-1", pid1: true };
const at = timeText(1);
const change: Change = {
  about: { pod: "web-0", node: "n".repeat(70), version: "1.2.3" },
  reason: "nobody held it",
};
const held: LeaseParts = { holder: "a", acquireTime: at, renewTime: timeText(5) };
interface Body {
  readonly metadata: {
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly annotations: Readonly<Record<string, unknown>>;
    readonly labels?: unknown;
    readonly finalizers?: unknown;
    readonly ownerReferences?: unknown;
    readonly managedFields?: unknown;
    readonly future?: unknown;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

const claim = {
  holder: "me",
  durationSeconds: 15,
  acquireTime: at,
  renewTime: at,
  transitions: 4,
  termMark: "mark",
};

test("readLease() never throws, whatever the text", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void readLease(text)));
});

test("readLease() never throws, whatever stands in the members that it reads", () => {
  const anything = fc.jsonValue();
  const metadata = fc.record(
    { uid: anything, resourceVersion: anything, annotations: anything, managedFields: anything },
    { requiredKeys: [] },
  );
  const object = fc.record({ kind: fc.constantFrom("Lease", "Pod"), metadata, spec: anything });
  fc.assert(fc.property(object, (value) => void readLease(JSON.stringify(value))));
});

const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;

for (const [where, text] of [
  ["alone", deep],
  ["as kind", `{"metadata":{},"kind":${deep}}`],
  ["as uid", `{"metadata":{"uid":${deep}},"kind":"Lease"}`],
  ["as version", `{"metadata":{"uid":"u","resourceVersion":${deep}},"kind":"Lease"}`],
  ["as spec", leaseText({}).replace('"spec":{', `"spec":{"renewTime":${deep}`)],
] as const) {
  test(`N20 readLease() does not throw on 100 000 brackets ${where}`, () => {
    assert.doesNotThrow(() => readLease(text));
  });
}

test("N20 O8 claimBody() does not throw on 100 000 brackets in an unknown member", () => {
  const base = readLease(leaseText({}).replace('"spec":{', `"spec":{"future":${deep}`));
  // Refusing to read it would do as well.
  assert.doesNotThrow(() => typeof base === "string" || claimBody(base, "demo", claim));
});

test("readLease() says what is missing", () => {
  assert.match(problemOf("<html>"), /not a JSON object/);
  assert.match(problemOf('{"kind":"Status","metadata":{}}'), /kind is "Status"/);
  assert.match(problemOf('{"kind":"Lease","metadata":{}}'), /uid is missing/);
  for (const version of ["", "a", "-1", "1.5", "1".repeat(41)]) {
    assert.match(problemOf(leaseText({ version })), /resourceVersion is "/);
  }
});

for (const [field, value] of [
  ["leaseDurationSeconds", 0],
  ["leaseDurationSeconds", -5],
  ["leaseDurationSeconds", 1.5],
  ["leaseDurationSeconds", 2 ** 31],
  ["leaseDurationSeconds", "15"],
  ["leaseDurationSeconds", null],
] as const) {
  test(`O6 readLease() takes ${field} ${JSON.stringify(value)} as missing`, () => {
    assert.equal(lease({ ...held, spec: { [field]: value } }).durationSeconds, undefined);
  });
}

test("O6 readLease() takes impossible transitions as none", () => {
  for (const transitions of [-1, 2 ** 31, 0.5, "7", null]) {
    assert.equal(lease({ ...held, spec: { leaseTransitions: transitions } }).transitions, 0);
  }
});

test("O6 nextTransitions() stays within int32", () => {
  assert.deepEqual([0, 41, 2 ** 31 - 2, 2 ** 31 - 1].map(nextTransitions), [
    1,
    42,
    2 ** 31 - 1,
    2 ** 31 - 1,
  ]);
});

test("O7 O8 claimBody() and releaseBody() keep what they do not know (I12)", () => {
  const base = lease({
    ...held,
    metadata: {
      labels: { owner: "helm" },
      annotations: { note: "keep", "k8s-await-election/released": "old" },
      finalizers: ["x/y"],
      ownerReferences: [{ uid: "o" }],
      managedFields: [{ manager: "m" }],
      future: { deep: [1] },
    },
    spec: { strategy: "OldestEmulationVersion", preferredHolder: "b", future: true },
  });
  for (const text of [
    claimBody(base, "demo", claim),
    claimBody(base, "demo", claim, change),
    releaseBody(base, "mark", at, change),
  ]) {
    const { metadata, spec, ...rest } = JSON.parse(text) as Body;
    assert.deepEqual(rest, { apiVersion: "coordination.k8s.io/v1", kind: "Lease" });
    const { annotations, labels, finalizers, ownerReferences, managedFields, future } = metadata;
    assert.equal((labels as Record<string, unknown>)["owner"], "helm");
    assert.deepEqual(finalizers, ["x/y"]);
    assert.deepEqual(ownerReferences, [{ uid: "o" }]);
    assert.deepEqual(future, { deep: [1] });
    assert.equal(annotations["note"], "keep");
    assert.equal(managedFields, undefined, "sent back, they could conflict");
    assert.equal(spec["strategy"], "OldestEmulationVersion");
    assert.deepEqual([spec["preferredHolder"], spec["future"]], ["b", true]);
  }
});

test("O9 claimBody() and releaseBody() carry the uid and version of the object read (S6)", () => {
  const base = lease({ ...held, uid: "uid-9", version: "123456789012345678901" });
  for (const text of [claimBody(base, "demo", claim), releaseBody(base, "mark", at, change)]) {
    const { metadata } = JSON.parse(text) as Body;
    assert.equal(metadata.uid, "uid-9");
    assert.equal(metadata.resourceVersion, "123456789012345678901");
  }
});

test("claimBody() of a new lease has neither uid nor version, and removes a release mark", () => {
  const fresh = JSON.parse(claimBody(undefined, "demo", claim)) as Record<string, unknown>;
  const annotations = { "k8s-await-election/term": "mark" };
  assert.deepEqual(fresh["metadata"], { name: "demo", annotations });
  const read = readLease(claimBody(lease({ ...held, released: `m/${at}` }), "demo", claim));
  assert.ok(typeof read === "object");
  assert.deepEqual([read.holder, read.termMark, read.releaseMark], ["me", "mark", undefined]);
});

test("releaseBody() is the record of a Go release, and marked as ours (I9)", () => {
  const base = lease({ ...held, term: "m/p/t", spec: { leaseTransitions: 3 } });
  const released = readLease(releaseBody(base, "m/p/t", at, change));
  assert.ok(typeof released === "object" && isReleased(released));
  assert.ok(isReleaseOf(released, "m/p/t", at));
  assert.ok(!isReleaseOf(released, "m/p/other", at) && !isReleaseOf(released, "m/p/t", "other"));
  assert.deepEqual((released.raw["spec"] as Record<string, unknown>)["leaseTransitions"], 3);
  assert.deepEqual([released.holder, released.durationSeconds], ["", 1]);
  assert.deepEqual([released.acquireTime, released.renewTime], [at, at]);
});

test("isReleased() holds for that very renewTime and for nobody's name (I9)", () => {
  const released = `i/p/t/${at}`;
  assert.ok(isReleased(lease({ renewTime: at, released })));
  assert.ok(!isReleased(lease({ renewTime: timeText(2), released })), "a later record");
  assert.ok(!isReleased(lease({ released })), "no renewTime");
  assert.ok(!isReleased(lease({ renewTime: at })), "no mark");
  assert.ok(!isReleased(lease({ ...held, renewTime: at, released })), "held again");
});

test("formatMark() is read back by validMark()", () => {
  const word = fc.stringMatching(/^[0-9a-z-]{1,40}$/);
  fc.assert(
    fc.property(word, word, fc.boolean(), (incarnation, podUid, pid1) => {
      const one: Mark = { incarnation, podUid, pid1 };
      assert.deepEqual(validMark(lease({ ...held, term: formatMark(one, at) })), one);
    }),
  );
});

for (const [why, parts] of [
  ["of an earlier term", { ...held, term: formatMark(mark, timeText(0)) }],
  ["of nobody", { ...held, holder: "", term: formatMark(mark, at) }],
  ["of two parts", { ...held, term: "i-1/pod-1" }],
  ["of two parts where the record has no acquireTime", { holder: "a", term: "i-1/pod-1" }],
  ["with a part too many", { ...held, term: `${formatMark(mark, at)}/x` }],
  ["with another word for pid1", { ...held, term: `i-1/pod-1/${at}/PID1` }],
  ["that is empty", { ...held, term: "" }],
] as const) {
  test(`validMark() knows no mark ${why} (I10)`, () => {
    assert.equal(validMark(lease(parts)), undefined);
  });
}

const malformed = [
  "yesterday",
  "2026-01-01T00:00:05Z",
  "2026-01-01T00:00:05.00Z",
  "\u0000",
  "2026",
];

test("recordKey() takes any renewTime as a marker, however malformed (I4, I6)", () => {
  const keys = [...malformed, timeText(5)].map((renewTime) => {
    const read = lease({ ...held, renewTime });
    assert.equal(read.renewTime, renewTime);
    return recordKey(read);
  });
  assert.equal(new Set(keys).size, keys.length);
});

test("recordKey() changes with each member of the record, and with nothing else (I4)", () => {
  const base = { ...held, durationSeconds: 15, term: "t" };
  const others: LeaseParts[] = [
    { ...base, uid: "uid-2" },
    { ...base, holder: "b" },
    { ...base, durationSeconds: 16 },
    { ...base, acquireTime: timeText(2) },
    { ...base, renewTime: timeText(6) },
    { ...base, term: "u" },
    { ...base, spec: { leaseTransitions: 1 } },
  ];
  const key = recordKey(lease(base));
  assert.equal(new Set([key, ...others.map((parts) => recordKey(lease(parts)))]).size, 8);
  assert.equal(recordKey(lease({ ...base, version: "99", released: "x" })), key);
  assert.equal(recordKey(lease({ ...base, spec: { strategy: "x" } })), key);
});

test("isNewer() compares digits of any length as numbers", () => {
  const digits = fc.bigInt({ min: 0n, max: 10n ** 40n - 1n });
  fc.assert(
    fc.property(digits, digits, (a, b) => {
      assert.equal(isNewer(String(a), String(b)), a > b);
    }),
  );
  assert.ok(isNewer("10", "9") && !isNewer("010", "10"));
});

const layout = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

for (const wallMs of [0, -1, -1e15, 253_402_300_799_999, 1e18, Infinity, -Infinity, NaN]) {
  test(`C4 formatMicroTime() keeps to the one layout for ${wallMs} ms`, () => {
    assert.match(formatMicroTime(wallMs), layout);
  });
}

test("formatMicroTime() keeps to the one layout, whatever the clock shows", () => {
  fc.assert(fc.property(fc.double(), (wall) => assert.match(formatMicroTime(wall), layout)));
});

test("formatMicroTime() never goes back in the years that it can write", () => {
  const wall = fc.double({ min: -1e14, max: Date.UTC(10_000, 0) - 1, noNaN: true });
  fc.assert(
    fc.property(wall, wall, (a, b) => {
      const [earlier, later] = [Math.min(a, b), Math.max(a, b)].map(formatMicroTime);
      assert.ok(earlier! <= later!);
    }),
  );
});

test("formatMicroTime() moves with every second up to the end of the year 9999 (I3)", () => {
  const start = Date.UTC(9999, 11, 31, 23, 59, 50);
  const texts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((s) => formatMicroTime(start + s * 1000));
  assert.equal(new Set(texts).size, 10);
  assert.equal(texts[9], "9999-12-31T23:59:59.000000Z");
});

function problemOf(text: string): string {
  const read = readLease(text);
  return typeof read === "string" ? read : assert.fail("it was read as a Lease");
}
