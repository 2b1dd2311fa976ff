/** A mutant whose line has changed plants nothing: seen here at once, and not only by night. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { catalogue } from "./catalogue.ts";

const dist = join(import.meta.dirname, "../..");

test("mutants find their lines, each exactly once", () => {
  const lost = catalogue.filter(
    ({ file, from }) => readFileSync(join(dist, file), "utf8").split(from).length !== 2,
  );
  assert.deepEqual(
    lost.map(({ name, file }) => `${name}: ${file}`),
    [],
  );
});
