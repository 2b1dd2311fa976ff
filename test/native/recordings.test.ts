/**
 * The same program in another engine: what the stories and simulated lives recorded in this one gives
 * the same orders in the native file, to the last.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { scratchFolder } from "../hosts/bin.ts";
import { play } from "../stories/story.ts";
import { Recordings } from "../world/recordings.ts";
import { run } from "../world/run.ts";
import { nativeFile, root } from "./artefacts.ts";

test("--replay verifies every story", (t) => {
  const recordings = new Recordings();
  const stories = readdirSync(join(root, "test/stories")).filter((name) => name.endsWith(".txt"));
  for (const name of stories) {
    play(readFileSync(join(root, "test/stories", name), "utf8"), recordings.stepsOf(name));
  }
  const told = replayed(recordings.write(scratchFolder(t)));
  assert.match(told, new RegExp(`^verified: ${stories.length} runs, \\d{3,} steps\\n$`));
});

test("--replay verifies simulated lives among faults", (t) => {
  const folder = scratchFolder(t);
  for (let seed = 1; seed <= 10; seed++) {
    const recordings = new Recordings();
    run({ seed, stepsOf: (id) => recordings.stepsOf(id) });
    const told = replayed(recordings.write(join(folder, String(seed))));
    assert.match(told, /^verified: \d+ runs, \d{3,} steps\n$/);
  }
});

test("--replay says where an order differs", (t) => {
  const recordings = new Recordings();
  play(
    readFileSync(join(root, "test/stories/claim-is-forbidden.txt"), "utf8"),
    recordings.stepsOf("story"),
  );
  const [path = ""] = recordings.write(scratchFolder(t));
  const lines = readFileSync(path, "utf8").split("\n");
  const third = lines[2]?.replace(/"orders":"./, '"orders":"x') ?? "";
  writeFileSync(path, [...lines.slice(0, 2), third, ...lines.slice(3)].join("\n"));
  const { status, stderr } = spawnSync(nativeFile, ["--replay", path], { encoding: "utf8" });
  assert.equal(status, 1);
  assert.ok(stderr.startsWith(`k8s-await-election: ${path}:3: the orders differ: [`), stderr);
});

function replayed(files: readonly string[]): string {
  return execFileSync(nativeFile, ["--replay", ...files], { encoding: "utf8" });
}
