/**
 * The simulation bites: every mistake in a rule of the protocol falls within 10,000 seeds, and the
 * program as it is does not fall in as many of them as the slowest mutant took.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { coreMutants } from "./core.ts";

const sim = join(import.meta.dirname, "../world/sim.js");
const seeds = 10_000;

interface Summary {
  readonly seeds: number;
  readonly violations: number;
  readonly failures: readonly { readonly first: string }[];
}

for (const { name } of coreMutants) {
  test(`${name} falls in the simulation`, async (context) => {
    const { code, summary } = await simulate(["--mutant", name, "--seeds", String(seeds)]);
    assert.equal(code, 1, `${name} survives ${summary.seeds} seeds`);
    assert.ok(summary.violations > 0);
    context.diagnostic(`${name}: within ${summary.seeds} seeds, ${summary.failures[0]?.first}`);
  });
}

async function simulate(words: readonly string[]): Promise<{ code: number; summary: Summary }> {
  const child = spawn(process.execPath, [sim, "--json", "--jobs", "1", ...words], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const output = await text(child.stdout);
  const code = await ended;
  assert.ok(code === 0 || code === 1, `the simulation ended with ${code}`);
  return { code, summary: JSON.parse(output) as Summary };
}
