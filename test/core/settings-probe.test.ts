/** The variables of the ready probe. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Reading, readSettings } from "../../src/core/settings.ts";

const prefix = "K8S_AWAIT_ELECTION_";
const needed = { NAME: "demo", LOCK_NAME: "demo", LOCK_NAMESPACE: "default", IDENTITY: "a" };

test("readSettings() has kubelet's defaults for a probe, but a period of a second", () => {
  const target = { by: "tcp", host: "::1", port: 5432 };
  const times = { periodMs: 1000, timeoutMs: 1000, threshold: 3, startTimeoutMs: 300_000 };
  const { settings } = read({ READY_PROBE: "tcp://[::1]:5432" });
  assert.deepEqual(settings?.probing, { target, ...times });
  assert.equal(read({}).settings?.probing, undefined);
});

test("readSettings() refuses no time and no count at all for a probe", () => {
  for (const name of ["READY_PERIOD", "READY_TIMEOUT", "READY_THRESHOLD", "START_TIMEOUT"]) {
    const { misfits } = read({ READY_PROBE: "tcp://a:1", [name]: "0" });
    assert.match(misfits.join(), new RegExp(`^${prefix}${name} is "0": must be .* from 1 to `));
  }
});

test("readSettings() warns of a probe's times without a probe", () => {
  const { settings, warnings } = read({ READY_PERIOD: "5", START_TIMEOUT: "9" });
  assert.ok(settings);
  assert.deepEqual(warnings, [
    `${prefix}READY_PERIOD is ignored: ${prefix}READY_PROBE is not set`,
    `${prefix}START_TIMEOUT is ignored: ${prefix}READY_PROBE is not set`,
  ]);
});

function read(variables: Readonly<Record<string, string>>): Reading {
  const named = Object.entries({ ...needed, ...variables }).map(
    ([name, text]) => [prefix + name, text] as const,
  );
  return readSettings(Object.fromEntries(named));
}
