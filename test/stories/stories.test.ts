/**
 * Plays every story beside this file and compares the transcripts.
 * `UPDATE_STORIES=1 node dist/test/stories/stories.test.js` writes them anew, to be read as a diff.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { play } from "./story.ts";

const folder = join(import.meta.dirname, "../../../test/stories");
const stories = readdirSync(folder).filter((name) => name.endsWith(".txt"));

for (const name of stories) {
  const file = join(folder, name);
  const written = readFileSync(file, "utf8");
  test(titleOf(name, written), () => {
    const played = play(written);
    if (process.env["UPDATE_STORIES"] === "1") writeFileSync(file, played);
    else assert.equal(played, written);
  });
}

test("stories exist", () => assert.ok(stories.length >= 10));

/** First the rows of the fault matrix that the story's own first comment names. */
function titleOf(name: string, story: string): string {
  const [comment = ""] = /^(#.*\n)*/.exec(story) ?? [];
  const rows = new Set(comment.match(/\b[NOCPFX]\d+\b/g));
  return [...rows, `story: ${name.replace(".txt", "").replaceAll("-", " ")}`].join(" ");
}
