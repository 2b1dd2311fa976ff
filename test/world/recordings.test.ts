/** A simulated process leaves the same recording as a real one. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { replay } from "../../src/core/replay.ts";
import { version } from "../../src/node/version.ts";
import { Recordings } from "./recordings.ts";
import { run } from "./run.ts";

const dist = join(import.meta.dirname, "../..");

test("run() records every process, to be replayed to the last order", () => {
  const recordings = new Recordings();
  const { terms } = run({ seed: 7, stepsOf: (id) => recordings.stepsOf(id) });
  assert.equal(terms, run({ seed: 7 }).terms);
  for (const [id, lines] of recordings.lines) {
    const written = lines.map((text, at) => ({ where: `${id}:${at + 1}`, text, isWhole: true }));
    const transcript = replay(written, version);
    let next = transcript.next();
    while (!next.done) next = transcript.next();
    assert.deepEqual(next.value, { how: "verified", runs: 1, steps: lines.length - 1 }, id);
  }
});

test("--record writes files that the replay tool verifies", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sim-"));
  t.after(() => rmSync(folder, { recursive: true }));
  execute("test/world/sim.js", ["--story", "7", "--record", folder]);
  const files = readdirSync(folder).map((file) => join(folder, file));
  const told = execute("src/replay.js", files);
  assert.match(told, new RegExp(`\\n# verified: ${files.length} runs, \\d+ steps\\n$`));
});

function execute(file: string, words: readonly string[]): string {
  const options = { encoding: "utf8", maxBuffer: 2 ** 28 } as const;
  return execFileSync(process.execPath, [join(dist, file), ...words], options);
}
