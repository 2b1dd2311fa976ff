import assert from "node:assert/strict";
import { test } from "node:test";
import { assertFailure, lease, type ObjectInput, type Room } from "./room.ts";

export function coordinatedTests(open: () => Room): void {
  for (const spec of kept) {
    test(`create() keeps ${JSON.stringify(spec)}`, async () => {
      assert.deepEqual((await open().lease(spec)).spec, spec);
    });
  }

  for (const [spec, text] of refused) {
    test(`create() answers 422 for ${JSON.stringify(spec)}`, async () => {
      const room = open();
      const answer = await room.call("POST", room.leases, lease(room.name(), spec));
      assertFailure(answer, 422, "Invalid", text);
    });
  }

  test("update() drops what it does not carry on", async () => {
    const room = open();
    const created = await room.lease({ strategy: "OldestEmulationVersion", preferredHolder: "b" });
    const changed = await room.put(created, { holderIdentity: "a" });
    assert.deepEqual(changed.spec, { holderIdentity: "a" });
  });
}

const kept: readonly ObjectInput[] = [
  { strategy: "OldestEmulationVersion", preferredHolder: "b" },
  { holderIdentity: "", strategy: "OldestEmulationVersion" },
  { strategy: "example.com/own" },
  { strategy: "example.com/own", preferredHolder: "" },
  { preferredHolder: "" },
];

const without = "spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined";
const unknown = (strategy: string) =>
  `spec.strategy.strategy: Unsupported value: "${strategy}": supported values: "OldestEmulationVersion"`;

const refused: readonly (readonly [spec: ObjectInput, text: RegExp])[] = [
  [{ preferredHolder: "b" }, new RegExp(`: ${without}$`)],
  [{ strategy: "" }, new RegExp(`: ${unknown("")}$`)],
  [{ strategy: "own" }, new RegExp(`: ${unknown("own")}$`)],
  [{ strategy: "", preferredHolder: "b" }, new RegExp(`: \\[${unknown("")}, ${without}\\]$`)],
  [{ strategy: "own", preferredHolder: "b" }, new RegExp(`: ${unknown("own")}$`)],
  [
    { strategy: "Own_/a" },
    /spec.strategy.strategy: Invalid value: "Own_\/a": prefix part a lowercase RFC 1123 subdomain/,
  ],
  [{ strategy: "example.com/" }, /Invalid value: "example.com\/": name part must be non-empty/],
];
