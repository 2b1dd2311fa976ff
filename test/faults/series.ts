/**
 * A series: one scenario played many times with real processes, several rounds at a time, and what
 * came out of it as figures.
 *
 * Every round is kept as a line of JSON in `.cache/series/NAME.jsonl` as soon as it is over, and the
 * table of what there is so far is printed when the process ends, however that happens: whoever stops
 * a series loses only the rounds that were under way.
 */
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

export interface SeriesOptions {
  readonly name: string;
  readonly rounds: number;
}

/** What one round has shown. */
export interface Round {
  /** How long each command went on beside a later one; empty where none did. */
  readonly overlapsMs: readonly number[];
  /** Named milliseconds. */
  readonly figures: Readonly<Record<string, number>>;
}

export interface SeriesResult {
  readonly n: number;
  /** Rounds in which two commands ran at the same time. */
  readonly overlaps: number;
  readonly overlapMaxMs: number;
  readonly figures: Readonly<Record<string, Spread>>;
}

export interface Spread {
  readonly n: number;
  readonly min: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/** Found from where this module runs, which is dist/test/faults. */
const folder = fileURLToPath(new URL("../../../.cache/series", import.meta.url));

const everyMs = 10_000;

/** How many rounds are played at most for each that is wanted. */
const voidLimit = 4;

const played = new Map<string, Round[]>();

/**
 * Plays the rounds, as many at a time as the test has concurrency, each as a test of its own that is
 * cleaned up after itself. A round that throws fails its test. One that is `undefined` was void: the
 * machine was too busy for what it is about, so another is played in its place.
 */
export async function playSeries(
  t: TestContext,
  { name, rounds }: SeriesOptions,
  play: (t: TestContext, round: number) => Promise<Round | undefined>,
): Promise<SeriesResult> {
  assert.ok(rounds > 0, `${name} has no rounds`);
  const done: Round[] = [];
  if (played.size === 0) process.once("exit", tellAll);
  played.set(name, done);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name.replaceAll(/\W+/g, "-")}.jsonl`);
  const run = { run: new Date().toISOString(), processors: availableParallelism() };
  let toldAt = performance.now();
  let voids = 0;
  const playOne = async (roundT: TestContext, at: number): Promise<void> => {
    const round = await play(roundT, at);
    if (round === undefined) {
      voids += 1;
      roundT.diagnostic("void: the machine was too busy");
    } else {
      done.push(round);
    }
    // How busy the machine was belongs to every figure.
    const line = {
      ...run,
      round: at + 1,
      load: loadavg()[0],
      isVoid: round === undefined,
      ...round,
    };
    appendFileSync(file, `${JSON.stringify(line)}\n`);
    if (performance.now() - toldAt < everyMs) return;
    toldAt = performance.now();
    const { overlaps } = resultOf(done);
    const news = `${done.length} of ${rounds}, ${voids} void, ${overlaps} with an overlap`;
    process.stdout.write(`${name}: ${news}\n`);
  };
  for (let played = 0, wanted = rounds; wanted > 0; ) {
    assert.ok(played < voidLimit * rounds, `${name}: the machine is too busy for any round`);
    const voidsBefore = voids;
    const numbers = Array.from({ length: wanted }, (_, at) => played + at);
    await Promise.all(
      numbers.map((at) => t.test(`${name}, round ${at + 1}`, (roundT) => playOne(roundT, at))),
    );
    played += wanted;
    wanted = voids - voidsBefore;
  }
  return resultOf(done);
}

export function resultOf(rounds: readonly Round[]): SeriesResult {
  const overlaps = rounds.map(({ overlapsMs }) => overlapsMs).filter((ms) => ms.length > 0);
  const names = new Set(rounds.flatMap(({ figures }) => Object.keys(figures)));
  const spreads = [...names].map((name): [string, Spread] => {
    const values = rounds.map(({ figures }) => figures[name]);
    return [name, spreadOf(values.filter((value) => value !== undefined))];
  });
  return {
    n: rounds.length,
    overlaps: overlaps.length,
    overlapMaxMs: Math.max(0, ...overlaps.flat()),
    figures: Object.fromEntries(spreads),
  };
}

/** By the nearest rank, so that every figure is one that was measured. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]!;
  return { n: sorted.length, min: at(0), median: at(0.5), p99: at(0.99), max: at(1) };
}

/** Written at once, for the process may be ended by a signal. */
function tellAll(): void {
  writeFileSync(process.stdout.fd, `\n${tableOf(played)}\n`);
}

function tableOf(all: ReadonlyMap<string, readonly Round[]>): string {
  const lines = [...all].flatMap(([name, rounds]) => {
    if (rounds.length === 0) return [`${name}: nothing yet`];
    const { n, overlaps, overlapMaxMs, figures } = resultOf(rounds);
    const head = `${name}: ${n} rounds, ${overlaps} with two commands, at most ${overlapMaxMs.toFixed(1)} ms`;
    return [head, ...Object.entries(figures).map(([figure, spread]) => lineOf(figure, spread))];
  });
  return ["milliseconds: n, min, median, p99, max", ...lines].join("\n");
}

function lineOf(figure: string, { n, ...spread }: Spread): string {
  const cells = Object.values(spread).map((ms) => ms.toFixed(1).padStart(9));
  return `  ${figure.padEnd(58)} ${String(n).padStart(5)} ${cells.join(" ")}`;
}
