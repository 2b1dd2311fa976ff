/**
 * The simulation from the command line:
 *
 *     npm run sim -- --seeds N --from S --profile NAME --mutant NAME --jobs N --json
 *
 * Every run is a seed: at least 120 virtual seconds with at least three replicas. A violation ends
 * with exit code 1 and the shrunk story of the first failing seed; SIGINT ends early with the sum so
 * far. `--story SEED` tells one run in full; with `--record DIR` as well, each of its processes leaves
 * a recording there for `k8s-await-election-replay`.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { emptyCells } from "./coverage.ts";
import { applyMutant } from "../mutants/apply.ts";
import { type Profile, profileNamed } from "./profiles.ts";
import { Recordings } from "./recordings.ts";
import { run, type RunOptions } from "./run.ts";
import { shrink } from "./shrink.ts";
import type { Work } from "./sim-worker.ts";
import { Story } from "./story.ts";
import { coverageLines, merge, nothing, percentilesOf, type Totals } from "./totals.ts";

const options = {
  seeds: { type: "string", default: "1000" },
  from: { type: "string", default: "1" },
  profile: { type: "string", default: "contract" },
  mutant: { type: "string" },
  jobs: { type: "string", default: String(availableParallelism()) },
  json: { type: "boolean", default: false },
  story: { type: "string" },
  record: { type: "string" },
} as const;

/** When progress was last shown. */
let toldAtMs = 0;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({ options });
  const profile = profileNamed(values.profile);
  if (values.story !== undefined) {
    const recordings = new Recordings();
    const seed = wholeNumber("story", values.story);
    tell(storyOf({ seed, profile, stepsOf: (id) => recordings.stepsOf(id) }));
    if (values.record !== undefined) recordings.write(values.record);
    return 0;
  }
  const seeds = wholeNumber("seeds", values.seeds);
  const from = wholeNumber("from", values.from);
  const jobs = wholeNumber("jobs", values.jobs);
  // A mutant's world is a copy of everything: its workers load it, and this program stays as it is.
  const dist = values.mutant === undefined ? undefined : applyMutant(values.mutant);
  const startedMs = performance.now();
  const totals = await runAll({ profile: values.profile, seeds, from, jobs, dist });
  const summary = summaryOf(totals, (performance.now() - startedMs) / 1000, jobs);
  if (values.json) tell([jsonOf(totals, summary)]);
  else tell(reportOf(totals, summary));
  const failing = totals.failures[0];
  if (failing !== undefined && dist === undefined && !values.json) {
    tell(shrunkStory(failing.seed, profile));
  }
  return totals.violations > 0 ? 1 : 0;
}

interface Campaign {
  readonly profile: string;
  readonly seeds: number;
  readonly from: number;
  readonly jobs: number;
  readonly dist: string | undefined;
}

/** All seeds over several threads; a signal, or a mutant's first violation, ends it early. */
async function runAll({ profile, seeds, from, jobs, dist }: Campaign): Promise<Totals> {
  const totals = nothing();
  const path = join(dist ?? join(import.meta.dirname, "../.."), "test/world/sim-worker.js");
  const workers = Array.from({ length: jobs }, (_, job) => {
    const work: Work = { profile, from: from + job, to: from + seeds, step: jobs };
    return new Worker(path, { workerData: work });
  });
  const stop = () => workers.forEach((worker) => void worker.terminate());
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const startedMs = performance.now();
  await Promise.all(
    workers.map(
      (worker) =>
        new Promise<void>((resolve, reject) => {
          worker.on("message", (more: Totals) => {
            merge(totals, more);
            progress(totals, seeds, startedMs);
            if (dist !== undefined && totals.violations > 0) stop();
          });
          worker.once("error", reject).once("exit", () => resolve());
        }),
    ),
  );
  process.stderr.write(process.stderr.isTTY ? "\n" : "");
  return totals;
}

/** In place on a terminal, and now and then in a log. */
function progress({ seeds, virtualMs, violations }: Totals, of: number, startedMs: number): void {
  const nowMs = performance.now();
  const { isTTY } = process.stderr;
  if (nowMs - toldAtMs < (isTTY ? 500 : 30_000)) return;
  toldAtMs = nowMs;
  const speed = virtualMs / (nowMs - startedMs);
  const text = `${seeds} of ${of} seeds, ${violations} violations, ${speed.toFixed(0)} × real time`;
  process.stderr.write(isTTY ? `\r${text}  ` : `${text}\n`);
}

interface Summary {
  readonly seeds: number;
  readonly virtualHours: number;
  readonly terms: number;
  readonly strikes: number;
  readonly violations: number;
  readonly wallSeconds: number;
  readonly timesRealTime: number;
  readonly jobs: number;
  readonly excused: number;
  readonly longestExcusedMs: number;
  readonly handoversMs: Readonly<Record<string, ReturnType<typeof percentilesOf>>>;
  readonly emptyCells: number;
}

function summaryOf(totals: Totals, wallSeconds: number, jobs: number): Summary {
  const { seeds, virtualMs, terms, strikes, violations, excused, longestExcusedMs } = totals;
  const handovers = Object.entries(totals.handovers);
  return {
    seeds,
    virtualHours: Math.round(virtualMs / 360_000) / 10,
    terms,
    strikes,
    violations,
    wallSeconds: Math.round(wallSeconds * 10) / 10,
    timesRealTime: Math.round(virtualMs / 1000 / wallSeconds),
    jobs,
    excused,
    longestExcusedMs: Math.round(longestExcusedMs),
    handoversMs: Object.fromEntries(
      handovers.map(([cause, counts]) => [cause, percentilesOf(counts)]),
    ),
    emptyCells: emptyCells(totals.coverage).length,
  };
}

function jsonOf(totals: Totals, summary: Summary): string {
  const empty = emptyCells(totals.coverage).map(
    ({ phase, report, fault }) => `${phase} ${report} ${fault}`,
  );
  return JSON.stringify({ ...summary, empty, failures: totals.failures }, undefined, 2);
}

function reportOf(totals: Totals, { handoversMs, ...summary }: Summary): string[] {
  return [
    "phase      report               count",
    ...coverageLines(totals.coverage),
    "",
    ...Object.entries(summary).map(([name, value]) => `${name.padEnd(18)} ${value}`),
    ...Object.entries(handoversMs).map(
      ([cause, { n, p50, p99, max }]) =>
        `hand-over (${cause})`.padEnd(20) + ` n=${n} p50=${p50} p99=${p99} max=${max} ms`,
    ),
    ...totals.failures.map(({ seed, first }) => `seed ${seed}: ${first}`),
  ];
}

/** What the first failing seed comes to, once every strike is gone that it does not need. */
function shrunkStory(seed: number, profile: Profile): string[] {
  const { without, result } = shrink(seed, profile);
  const needed = result.strikes.filter(({ number }) => !without.has(number));
  const strikes = needed.map(
    ({ atMs, fault, victim }) => `${fault} at ${(atMs / 1000).toFixed(3)} (${victim})`,
  );
  const broken = result.violations.map(
    ({ rule, atMs, what }) => `!!! ${rule} at ${(atMs / 1000).toFixed(3)}: ${what}`,
  );
  return [
    "",
    `seed ${seed} needs ${strikes.join(", ")}`,
    ...storyOf({ seed, profile, without }),
    ...broken,
  ];
}

function storyOf(options: RunOptions): readonly string[] {
  let story: Story | undefined;
  run({ ...options, watch: (world) => [(story = new Story(() => world.nowMs))] });
  return story?.lines ?? [];
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`--${name} is ${JSON.stringify(text)}: a whole number is wanted`);
}

function tell(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}
