import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatNote, type LogSettings } from "../../src/core/log.ts";
import { type Level, note } from "../../src/core/notes.ts";

const text: LogSettings = { format: "text", level: "debug" };
const json: LogSettings = { format: "json", level: "debug" };
const wallMs = Date.UTC(2026, 0, 1);
const time = "2026-01-01T00:00:00.000Z";
const levels: readonly Level[] = ["error", "warn", "info", "debug"];

/** What could end a line, move the cursor or turn the line around on somebody's screen. */
const harmful = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(fc.constantFrom("\n", "\u001b[2J", "\u202e", "\u061c", "\u0085", '"', "\\", "a", " "))
    .map((parts) => parts.join("")),
);

test("formatNote() reads well", () => {
  const one = note("warn", "cannot read the lease", { problem: "ENOENT: no file", tries: 3 });
  assert.equal(
    formatNote(one, text, wallMs),
    `${time} WARN  cannot read the lease problem="ENOENT: no file" tries=3`,
  );
  assert.equal(
    formatNote(one, json, wallMs),
    `{"time":"${time}","level":"warn","message":"cannot read the lease","problem":"ENOENT: no file","tries":3}`,
  );
});

for (const settings of [text, json]) {
  test(`X8 formatNote() gives one harmless line, whatever is told (${settings.format})`, () => {
    fc.assert(
      fc.property(anyText, anyText, (message, value) => {
        const line = formatNote(note("info", message, { value }), settings, wallMs) ?? "";
        assert.doesNotMatch(line, harmful);
      }),
      { numRuns: 1000 },
    );
  });
}

test("formatNote() in JSON gives back what was told", () => {
  fc.assert(
    fc.property(anyText, anyText, fc.integer(), (message, value, number) => {
      const line = formatNote(note("error", message, { value, number }), json, wallMs);
      const read = JSON.parse(line ?? "") as unknown;
      assert.deepEqual(read, { time, level: "error", message, value, number });
    }),
  );
});

test("formatNote() quotes a value that could be mistaken for another pair", () => {
  const line = formatNote(note("info", "m", { holder: 'x token=9 "', empty: "" }), text, wallMs);
  assert.equal(line, `${time} INFO  m holder="x token=9 \\"" empty=""`);
});

test("formatNote() leaves out what is below the level", () => {
  for (const [rank, level] of levels.entries()) {
    const told = levels.filter((one) => formatNote(note(one, "m"), { ...text, level }, wallMs));
    assert.deepEqual(told, levels.slice(0, rank + 1));
  }
});

for (const wall of [-1, 1e18, Infinity, -Infinity, NaN]) {
  test(`C4 formatNote() does not fail at a wall clock of ${wall} ms`, () => {
    assert.match(formatNote(note("info", "m"), text, wall) ?? "", /INFO  m$/);
  });
}
