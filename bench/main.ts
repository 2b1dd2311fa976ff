/** `npm run bench`: who is measured, for how long, and where it is written. */
import { isDeepStrictEqual } from "node:util";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Arguments, parseArguments, usage } from "./arguments.ts";
import { native } from "./contestant.ts";
import { type Field, gatherContestants } from "./contestants.ts";
import { describeMachine } from "./machine.ts";
import { planOf, remaining } from "./plan.ts";
import { play } from "./play.ts";
import { profiles, short } from "./profile.ts";
import { writeReport } from "./report/report.ts";
import { loadResults, type Results, saveResults } from "./results.ts";
import { allScenarios } from "./scenarios.ts";
import { openStage, type Stage } from "./stage.ts";

// Found from where this module runs, which is dist/bench.
const root = fileURLToPath(new URL("../..", import.meta.url));

/** From the start of the program; what is under way then ends within `tailS`. */
const limitS = { full: 45 * 60, quick: 180 } as const;
const tailS = { full: 90, quick: 35 } as const;

const tellMs = 5000;

process.exitCode = await main(process.argv.slice(2));
// Whatever a round has left behind shall not keep it alive.
process.exit();

async function main(words: readonly string[]): Promise<number> {
  let options: Arguments;
  try {
    options = parseArguments(words);
  } catch (error) {
    process.stderr.write(`${String(error)}\n\n${usage}`);
    return 64;
  }
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  keepTemporaryFilesTogether();
  try {
    if (options.report !== undefined) {
      writeReport(loadResults(options.report), join(root, "docs"));
      return 0;
    }
    // Says what is missing where there is no kube-apiserver.
    const stage = await openStage();
    try {
      return await run(options, stage);
    } finally {
      await stage.close();
    }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 70;
  }
}

async function run(options: Arguments, stage: Stage): Promise<number> {
  const field = await gatherContestants(say);
  for (const line of field.leftOut) say(line);
  const results = openResults(options, field);
  const { isQuick } = results;
  const isWhole = !isQuick && options.only.length === 0;
  const folder = join(root, isWhole ? "bench/results" : ".cache/bench");
  const file = options.resume ?? join(folder, `${results.startedAt.replaceAll(":", "-")}.json`);
  const plan = planOf({
    scenarios: allScenarios(isQuick).filter(({ name }) => isWanted(name, options.only)),
    contestants: field.contestants,
    profiles: isQuick ? [short] : profiles,
    isQuick,
  });
  const batches = remaining(plan, results.rounds);
  const size = isQuick ? "quick" : "full";
  const spentBeforeS = results.spentS;
  const spentS = () => spentBeforeS + performance.now() / 1000;
  const planned = batches.reduce((sum, { turns }) => sum + turns.length, 0);
  say(`${planned} rounds in at most ${limitS[size] / 60} minutes, kept in ${file}`);
  const tell = progress(planned);
  const isAll = await play({
    stage,
    batches,
    endAtMs: 1000 * (limitS[size] - tailS[size] - spentBeforeS),
    keep(record) {
      results.rounds.push(record);
      results.spentS = Math.round(spentS());
      saveResults(file, results);
      tell(results);
    },
  });
  if (!isAll) say("the time was up, and some rounds were not played");
  writeReport(results, isWhole ? join(root, "docs") : folder);
  const failed = results.rounds.filter(({ error, isVoid }) => error !== undefined && !isVoid);
  for (const { scenario, profile, contestant, error = "" } of failed) {
    say(`failed: ${scenario}, ${profile}, ${contestant}: ${error.split("\n", 1)[0]}`);
  }
  say(
    `${results.rounds.length} rounds in ${Math.round(spentS())} s, ${failed.length} failed: ${file}`,
  );
  return failed.length > 0 ? 1 : 0;
}

/** @throws where a run would be taken up on another machine, or with other programs. */
function openResults({ resume, isQuick }: Arguments, { contestants, leftOut }: Field): Results {
  const hasGo = contestants.some(({ kind }) => kind === "client-go");
  const machine = describeMachine(native?.file, hasGo);
  if (resume === undefined) {
    const startedAt = new Date().toISOString().replace(/\.\d+/, "");
    return { version: 1, isQuick, startedAt, leftOut, machine, spentS: 0, rounds: [] };
  }
  const results = loadResults(resume);
  if (!isDeepStrictEqual(results.machine, machine)) {
    const [then, now] = [results.machine, machine].map((it) => JSON.stringify(it));
    throw new Error(`Cannot take up ${resume}: it was made on ${then}, and this is ${now}.`);
  }
  return results;
}

/** A run may be stopped at any moment, and leaves nothing behind but its results. */
function keepTemporaryFilesTogether(): void {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  process.env["TMPDIR"] = folder;
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
}

function isWanted(name: string, only: readonly string[]): boolean {
  return only.length === 0 || only.some((part) => name.includes(part));
}

/** A line now and then, with what came last. */
function progress(planned: number): (results: Results) => void {
  let played = 0;
  let toldAtMs = -tellMs;
  return ({ rounds, spentS }) => {
    const last = rounds.at(-1);
    if (last?.isVoid !== true) played += 1;
    if (last === undefined || performance.now() - toldAtMs < tellMs) return;
    toldAtMs = performance.now();
    const { scenario, profile, contestant, error, figures } = last;
    const [first] = Object.entries(figures);
    const outcome = first === undefined ? "" : `: ${first[0]} ${first[1].join(" ")}`;
    const what = error === undefined ? outcome : `: ${error.split("\n", 1)[0]}`;
    say(`${spentS} s, ${played} of ${planned} rounds; ${scenario} ${profile} ${contestant}${what}`);
  };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
