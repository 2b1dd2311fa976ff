/**
 * Every mistake of the host in the catalogue is noticed by the tests that it names, and those pass
 * without it. Each run has a PID namespace to itself: a mutant may kill all that it can see.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { needsPidNamespace } from "../support/processes.ts";
import { applyMutant, copyOfDist } from "./apply.ts";
import { hostMutants } from "./host.ts";
import type { Fall } from "./mutant.ts";

/** A test that hangs because of a mutant is ended by its own limit, before the one of its run. */
const endLimitMs = 12_000;
const runLimitMs = 100_000;
const unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

interface Run {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  readonly text: string;
}

describe("host mutants", { concurrency: 2, ...needsPidNamespace() }, () => {
  for (const [file, titles] of Object.entries(titlesByFile())) {
    it(`without a mutant ${file} passes what is to notice them`, async (t) => {
      const folder = copyOfDist(`none-${file.replaceAll("/", "-")}`);
      t.after(() => rmSync(dirname(folder), { recursive: true, force: true }));
      const { passed, failed, text } = await run(folder, { file, titles: titles.join("|") });
      assert.deepEqual(failed, [], text);
      for (const one of titles) {
        assert.ok(
          passed.some((title) => new RegExp(one).test(title)),
          `no test is named ${one}`,
        );
      }
    });
  }

  for (const { name, falls, note } of hostMutants) {
    if (falls === "simulation") continue;
    it(`${name} falls${note === undefined ? "" : `: ${note}`}`, async (t) => {
      const folder = applyMutant(name);
      t.after(() => rmSync(dirname(folder), { recursive: true, force: true }));
      const { failed, text } = await run(folder, falls);
      assert.notDeepEqual(failed, [], `It survives:\n${text}`);
    });
  }
});

function titlesByFile(): Record<string, string[]> {
  const titles: Record<string, Set<string>> = {};
  for (const { falls } of hostMutants) {
    if (falls !== "simulation") (titles[falls.file] ??= new Set()).add(falls.titles);
  }
  return Object.fromEntries(Object.entries(titles).map(([file, all]) => [file, [...all]]));
}

/** Runs the named tests of one file in a copy of `dist/`. */
async function run(folder: string, { file, titles }: Fall): Promise<Run> {
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, AWAIT_ELECTION_BIN: ___, ...env } = process.env;
  const options = ["--test", "--test-reporter=tap", `--test-name-pattern=${titles}`];
  const words = [...unshare, process.execPath, ...options, join(folder, file)];
  const child = spawn(words[0] ?? "", words.slice(1), {
    cwd: dirname(folder),
    env: { ...env, CI: "true", AWAIT_ELECTION_TEST_END_LIMIT_MS: String(endLimitMs) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), runLimitMs);
  const signal = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (_code, signal) => resolve(signal));
  });
  clearTimeout(timer);
  assert.equal(signal, null, `It did not end within ${runLimitMs} ms:\n${text}`);
  const named = new RegExp(titles);
  const titlesAfter = (word: string) =>
    text
      .split("\n")
      .map((line) => new RegExp(`^ *${word} \\d+ - (.*)$`).exec(line)?.[1] ?? "")
      .filter((title) => named.test(title) && !title.includes(" # SKIP"));
  return { passed: titlesAfter("ok"), failed: titlesAfter("not ok"), text };
}
