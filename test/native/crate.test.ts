/**
 * The crate's own unit tests, each as a test here, so that those named after a row of the fault matrix,
 * such as `n7_n8_request_is_unanswered…`, count for that row.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { root } from "./artefacts.ts";

const cargo = ["test", "--locked", "--lib", "--", "--test-threads=1"];

/** `n7_n8_request_ends` is what shows that rows N7 and N8 hold: `N7 N8 request ends`. */
function titleOf(path: string): string {
  const words = path.slice(path.lastIndexOf(":") + 1).split("_");
  const rows = words.findIndex((word) => !/^[nocpfx]\d+$/.test(word));
  return words.map((word, at) => (at < rows ? word.toUpperCase() : word)).join(" ");
}

describe("the crate's unit tests", async () => {
  const options = { cwd: join(root, "native"), maxBuffer: 1 << 24 };
  // Fails where a test does, and says the same then.
  const outcome: { stdout: string; stderr: string } = await promisify(execFile)(
    "cargo",
    cargo,
    options,
  ).catch((error: unknown) => error as { stdout: string; stderr: string });
  const told = [...outcome.stdout.matchAll(/^test (\S+) \.\.\. (\w+)$/gm)];

  it("there are some", () => assert.ok(told.length > 50, `${outcome.stdout}${outcome.stderr}`));
  for (const [, path = "", result] of told) {
    it(titleOf(path), () => assert.equal(result, "ok", outcome.stdout));
  }
});
