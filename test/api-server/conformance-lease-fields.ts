import assert from "node:assert/strict";
import { test } from "node:test";
import { assertFailure, causesOf, lease, type ObjectInput, type Room } from "./room.ts";

export function leaseFieldTests(open: () => Room): void {
  for (const [given, normalised] of microTimes) {
    test(`create() takes the MicroTime ${given} for ${normalised}`, async () => {
      const created = await open().lease({ renewTime: given });
      assert.deepEqual(created.spec, { renewTime: normalised });
    });
  }

  for (const [given, misfit] of badMicroTimes) {
    test(`create() answers 400 for the MicroTime ${JSON.stringify(given)}`, async () => {
      const room = open();
      const answer = await room.call("POST", room.leases, lease(room.name(), { renewTime: given }));
      const text = `Lease in version "v1" cannot be handled as a Lease: ${misfit}`;
      assertFailure(answer, 400, "BadRequest", text);
    });
  }

  test("create() names every field of a Lease that is not valid", async () => {
    const room = open();
    const name = room.name();
    const spec = { leaseDurationSeconds: 0, leaseTransitions: -1 };
    const answer = await room.call("POST", room.leases, lease(name, spec));
    const causes = [
      ["spec.leaseDurationSeconds", "Invalid value: 0: must be greater than 0"],
      ["spec.leaseTransitions", "Invalid value: -1: must be greater than or equal to 0"],
    ] as const;
    const list = causes.map((cause) => cause.join(": ")).join(", ");
    const title = `Lease.coordination.k8s.io "${name}" is invalid`;
    assertFailure(answer, 422, "Invalid", `${title}: [${list}]`);
    assert.deepEqual(answer.body.details, {
      name,
      group: "coordination.k8s.io",
      kind: "Lease",
      causes: causes.map(([field, message]) => ({ reason: "FieldValueInvalid", message, field })),
    });
  });

  test("create() drops strategy and preferredHolder, whose gate is off", async () => {
    const room = open();
    const created = await room.lease({ strategy: "OldestEmulationVersion", preferredHolder: "b" });
    assert.deepEqual(created.spec, {});
    // Not even their rule is checked: preferredHolder alone is no error.
    assert.deepEqual((await room.lease({ preferredHolder: "b" })).spec, {});
  });

  for (const [title, metadata, field, text] of badMetadata) {
    test(`create() answers 422 for ${title}`, async () => {
      const room = open();
      const answer = await room.call("POST", room.leases, lease(room.name(), {}, metadata));
      assertFailure(answer, 422, "Invalid", text);
      assert.equal(causesOf(answer)[0]?.field, field);
    });
  }
}

const microTimes: readonly (readonly [given: string, normalised: string | null])[] = [
  ["2024-01-02T03:04:05.123456Z", "2024-01-02T03:04:05.123456Z"],
  ["2024-01-02T03:04:05.000000+02:00", "2024-01-02T01:04:05.000000Z"],
  ["2024-01-02T03:04:05.123456-23:59", "2024-01-03T03:03:05.123456Z"],
  ["2024-01-02T03:04:05.123456-00:00", "2024-01-02T03:04:05.123456Z"],
  ["2024-01-02T03:04:05.123456+24:00", "2024-01-01T03:04:05.123456Z"],
  ["2024-01-02T03:04:05.123456+02:60", "2024-01-02T00:04:05.123456Z"],
  ["2024-01-02T3:04:05.123456Z", "2024-01-02T03:04:05.123456Z"],
  ["2024-01-02T03:04:05,123456Z", "2024-01-02T03:04:05.123456Z"],
  ["2024-02-29T00:00:00.000001Z", "2024-02-29T00:00:00.000001Z"],
  ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"],
  ["9999-12-31T23:59:59.999999-01:00", "10000-01-01T00:59:59.999999Z"],
  ["0000-01-01T00:00:00.000000Z", "0000-01-01T00:00:00.000000Z"],
  ["0001-01-01T00:00:00.000000+01:00", "0000-12-31T23:00:00.000000Z"],
  ["0001-01-01T00:00:00.000000Z", null],
];

const badMicroTimes: readonly (readonly [given: unknown, misfit: string])[] = [
  ["2024-01-02T03:04:05Z", cannot("2024-01-02T03:04:05Z", "Z", ".000000")],
  ["2024-01-02T03:04:05.123Z", cannot("2024-01-02T03:04:05.123Z", ".123Z", ".000000")],
  ["2024-01-02T03:04:05.1234567Z", cannot("2024-01-02T03:04:05.1234567Z", "7Z", "Z07:00")],
  ["2024-01-02T03:04:05.123456", cannot("2024-01-02T03:04:05.123456", "", "Z07:00")],
  ["2024-01-02T03:04:05.123456+0200", cannot("2024-01-02T03:04:05.123456+0200", "+0200", "Z07:00")],
  ["2024-01-02 03:04:05.123456Z", cannot("2024-01-02 03:04:05.123456Z", " 03:04:05.123456Z", "T")],
  ["2024-01-02t03:04:05.123456z", cannot("2024-01-02t03:04:05.123456z", "t03:04:05.123456z", "T")],
  [
    "2024-1-02T03:04:05.123456Z",
    cannot("2024-1-02T03:04:05.123456Z", "1-02T03:04:05.123456Z", "01"),
  ],
  ["2024-01-02T03:4:05.123456Z", cannot("2024-01-02T03:4:05.123456Z", "4:05.123456Z", "04")],
  [
    "10000-01-01T00:00:00.000000Z",
    cannot("10000-01-01T00:00:00.000000Z", "0-01-01T00:00:00.000000Z", "-"),
  ],
  ["garbage", cannot("garbage", "garbage", "2006")],
  ["", cannot("", "", "2006")],
  ["2024-13-02T03:04:05.123456Z", outOfRange("2024-13-02T03:04:05.123456Z", "month")],
  ["2024-02-30T03:04:05.123456Z", outOfRange("2024-02-30T03:04:05.123456Z", "day")],
  ["2023-02-29T03:04:05.123456Z", outOfRange("2023-02-29T03:04:05.123456Z", "day")],
  ["2024-01-00T03:04:05.123456Z", outOfRange("2024-01-00T03:04:05.123456Z", "day")],
  ["2024-01-02T24:04:05.123456Z", outOfRange("2024-01-02T24:04:05.123456Z", "hour")],
  ["2024-01-02T03:60:05.123456Z", outOfRange("2024-01-02T03:60:05.123456Z", "minute")],
  ["2024-01-02T03:04:60.123456Z", outOfRange("2024-01-02T03:04:60.123456Z", "second")],
  [
    "2024-01-02T03:04:05.123456+25:00",
    outOfRange("2024-01-02T03:04:05.123456+25:00", "time zone offset hour"),
  ],
  ["2024-01-02T03:04:05.123456Z ", 'parsing time "2024-01-02T03:04:05.123456Z ": extra text: " "'],
  [5, "json: cannot unmarshal number into Go struct field LeaseSpec.spec.renewTime of type string"],
  [
    true,
    "json: cannot unmarshal bool into Go struct field LeaseSpec.spec.renewTime of type string",
  ],
  [
    {},
    "json: cannot unmarshal object into Go struct field LeaseSpec.spec.renewTime of type string",
  ],
];

type BadRow = readonly [title: string, given: ObjectInput, field: string, text: RegExp];

const badMetadata: readonly BadRow[] = [
  [
    "no name",
    { name: undefined },
    "metadata.name",
    /^Lease.coordination.k8s.io "" is invalid: metadata.name: Required value: name or generateName is required$/,
  ],
  [
    "a name with capitals",
    { name: "Bad" },
    "metadata.name",
    /"Bad" is invalid: metadata.name: Invalid value: "Bad": a lowercase RFC 1123 subdomain must consist of lower case/,
  ],
  ["a name with a slash", { name: "a/b" }, "metadata.name", /Invalid value: "a\/b": a lowercase/],
  [
    "a name of 254 letters",
    { name: "a".repeat(254) },
    "metadata.name",
    /": must be no more than 253 characters$/,
  ],
  [
    "a label key with a space",
    { labels: { "a b": "c" } },
    "metadata.labels",
    /Invalid value: "a b": name part must consist of alphanumeric/,
  ],
  [
    "a label value with a space",
    { labels: { a: "b c" } },
    "metadata.labels",
    /Invalid value: "b c": a valid label must be an empty string or/,
  ],
  [
    "an annotation key with a space",
    { annotations: { "a b": "c" } },
    "metadata.annotations",
    /Invalid value: "a b": name part must consist of alphanumeric/,
  ],
  [
    "annotations of more than 256 KiB",
    { annotations: { a: "b".repeat(262_144) } },
    "metadata.annotations",
    /metadata.annotations: Too long: may not be more than 262144 bytes$/,
  ],
];

function cannot(text: string, rest: string, part: string): string {
  const [quoted, where] = [JSON.stringify(text), JSON.stringify(rest)];
  return `parsing time ${quoted} as "2006-01-02T15:04:05.000000Z07:00": cannot parse ${where} as "${part}"`;
}

function outOfRange(text: string, part: string): string {
  return `parsing time ${JSON.stringify(text)}: ${part} out of range`;
}
