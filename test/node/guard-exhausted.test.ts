/** The watchdog needs no file descriptor at the deadline: who is in the group is the kernel's to know. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

const program = fileURLToPath(new URL("./exhausted.js", import.meta.url));

test("createGuard() S3 S14 kills without file descriptors while the loop is blocked", () => {
  const script = `ulimit -n 64; exec "${process.execPath}" "${program}"`;
  const { stdout, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8", timeout: 30_000 });
  assert.equal(stdout, "exhausted: Z\n", stderr);
});
