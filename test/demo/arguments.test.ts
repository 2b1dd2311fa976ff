import assert from "node:assert/strict";
import { test } from "node:test";
import { parseArguments } from "../../demo/arguments.ts";

test("parseArguments() without any, everything is off", () => {
  assert.deepEqual(parseArguments([]), { help: false, json: false, assets: false });
});

test("parseArguments() --against is split on spaces", () => {
  const { against, json } = parseArguments(["--json", "--against", " env  -u X "]);
  assert.deepEqual(against, ["env", "-u", "X"]);
  assert.equal(json, true);
});

for (const words of [["--against", " "], ["--against"], ["--fast"], ["word"]]) {
  test(`parseArguments() refuses ${words.join(" ")}`, () => {
    assert.throws(() => parseArguments(words), TypeError);
  });
}
