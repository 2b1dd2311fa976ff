/**
 * Runs the tests that this machine can run, and says in a line each which it leaves out and why.
 *
 * `npm test` runs the quick tests, `npm run test:long` (`--long`) those in `*.long.test.js`, and `npm
 * run test:nightly` (`--nightly`) those in `*.nightly.test.js`; with `--native` as well, those that are
 * about the entry point, on the native file. Further words are parts of names: only such files are
 * run. With `CI=true` nothing may be left out. What the tests of
 * the fault matrix come to is kept for `npm run matrix`.
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import {
  type HostName,
  isOfEntryPoint,
  keepResults,
  nameOf,
  type Result,
  rowsOf,
} from "./matrix/results.ts";
import { buildElector, buildJudge } from "./support/go-program.ts";

const root = import.meta.dirname;
const concurrency = 2;

interface Tier {
  readonly has: (file: string) => boolean;
  /** Per file: a slow machine needs a tenth of it. */
  readonly limitMs: number;
}

const isNightly = (file: string): boolean => file.endsWith(".nightly.test.js");
const isLong = (file: string): boolean => file.endsWith(".long.test.js");

const tiers: Readonly<Record<string, Tier>> = {
  "--nightly": { has: isNightly, limitMs: 6 * 3_600_000 },
  "--long": { has: isLong, limitMs: 40 * 60_000 },
};
const quick: Tier = { has: (file) => !isNightly(file) && !isLong(file), limitMs: 5 * 60_000 };

interface Suite {
  readonly folder: string;
  readonly title: string;
  /** What is missing for it here, and how to get that. */
  misses(): string | undefined | Promise<string | undefined>;
}

const suites: readonly Suite[] = [
  { folder: "cluster", title: "real kube-apiserver suite", misses: missingServer },
  { folder: "interop", title: "client-go suite", misses: missingElector },
  { folder: "bench/smoke", title: "smoke run of the benchmarks", misses: missingServer },
  { folder: "library/cluster", title: "library on a real kube-apiserver", misses: missingServer },
  { folder: "library/interop", title: "library beside client-go", misses: missingElector },
  { folder: "metrics", title: "Prometheus suite", misses: missingJudge },
];

const words = process.argv.slice(2);
const parts = words.filter((word) => !word.startsWith("--"));
const host: HostName = words.includes("--native") ? "native" : "node";
process.exitCode = await main(tiers[words[0] ?? ""] ?? quick);

async function main({ has, limitMs }: Tier): Promise<number> {
  const startedAt = performance.now();
  if (host === "native") process.env["AWAIT_ELECTION_BIN"] = nativeFile();
  const wanted = (await findTests(root)).filter(
    (file) => has(file) && isOfHost(file) && isAskedFor(file),
  );
  const { files, leftOut } = await select(wanted);
  for (const line of leftOut) say(line);
  if (leftOut.length > 0 && process.env["CI"] === "true") return 1;
  const { passed, failed } = await runTests(files, limitMs);
  if (passed === 0) say("no test was run");
  say(`total time ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return passed > 0 && failed === 0 ? 0 : 1;
}

/** The file of this machine, as `npm run build:native` made it. */
function nativeFile(): string {
  const arch = process.arch === "arm64" ? "arm64" : "amd64";
  return join(root, `../native/k8s-await-election-linux-${arch}`);
}

function isOfHost(file: string): boolean {
  const name = nameOf(file);
  return host === "node" ? !name.startsWith("native/") : isOfEntryPoint(name);
}

function isAskedFor(file: string): boolean {
  return parts.length === 0 || parts.some((part) => nameOf(file).includes(part));
}

async function findTests(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  return names
    .filter((name) => name.endsWith(".test.js"))
    .sort()
    .map((name) => join(folder, name));
}

interface Selection {
  readonly files: readonly string[];
  /** One line for each suite that cannot run here: what it is, and how to get it. */
  readonly leftOut: readonly string[];
}

async function select(wanted: readonly string[]): Promise<Selection> {
  let files = wanted;
  const leftOut: string[] = [];
  for (const suite of suites) {
    const ofSuite = files.filter((file) => file.startsWith(join(root, suite.folder, "/")));
    const misses = ofSuite.length === 0 ? undefined : await suite.misses();
    if (misses === undefined) continue;
    files = files.filter((file) => !ofSuite.includes(file));
    leftOut.push(`${suite.title} left out: ${misses}`);
  }
  return { files, leftOut };
}

function missingServer(): string | undefined {
  if ((process.env["KUBEBUILDER_ASSETS"] ?? "") !== "") return undefined;
  return "set KUBEBUILDER_ASSETS, e.g. `setup-envtest use -p path`";
}

/** Built before any test runs: compilers beside them would spoil every test that looks at times. */
async function missingElector(): Promise<string | undefined> {
  const server = missingServer();
  if (server !== undefined) return server;
  const built = await buildElector(say);
  return built.path === undefined ? built.reason : undefined;
}

async function missingJudge(): Promise<string | undefined> {
  const built = await buildJudge(say);
  return built.path === undefined ? built.reason : undefined;
}

interface Outcome {
  readonly passed: number;
  readonly failed: number;
}

async function runTests(files: readonly string[], limitMs: number): Promise<Outcome> {
  if (files.length === 0) return { passed: 0, failed: 0 }; // for no files, run() looks for some itself
  let passed = 0;
  let failed = 0;
  const found: Result[] = [];
  const note = (
    { name, file = "" }: { name: string; file?: string },
    outcome: Result["outcome"],
  ) => {
    if (rowsOf(name).length > 0) found.push({ host, file: nameOf(file), title: name, outcome });
  };
  const results = run({ files, concurrency, timeout: limitMs });
  results.on("test:pass", (data) => {
    if (data.skip === undefined) passed += 1;
    note(data, data.skip === undefined ? "passed" : "skipped");
  });
  results.on("test:fail", (data) => {
    failed += 1;
    note(data, "failed");
  });
  const report = results.compose(new spec());
  report.pipe(process.stdout);
  await finished(report);
  keepResults(found, host, files);
  return { passed, failed };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
