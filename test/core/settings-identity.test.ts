import assert from "node:assert/strict";
import { test } from "node:test";
import { type Reading, readSettings } from "../../src/core/settings.ts";

for (const identity of [
  "a",
  "x".repeat(253),
  "é".repeat(126),
  'a"b\\c',
  "host_4f2a-uuid",
  "%41/../?#",
  "名前 🦊",
]) {
  test(`X8 readSettings() takes the identity ${identity.slice(0, 20)} byte for byte`, () => {
    assert.equal(readAs(identity).settings?.identity, identity);
  });
}

for (const identity of ["x".repeat(254), "é".repeat(127), "a\nb", "\u0085", "\u007f", "\ud800"]) {
  test(`X8 readSettings() refuses the identity ${JSON.stringify(identity.slice(0, 9))}`, () => {
    const { misfits } = readAs(identity);
    assert.match(misfits[0] ?? "", /IDENTITY is ".*": must be 1 to 253 bytes/);
  });
}

function readAs(identity: string): Reading {
  return readSettings({
    K8S_AWAIT_ELECTION_NAME: "sim",
    K8S_AWAIT_ELECTION_LOCK_NAME: "lock",
    K8S_AWAIT_ELECTION_LOCK_NAMESPACE: "default",
    K8S_AWAIT_ELECTION_IDENTITY: identity,
  });
}
