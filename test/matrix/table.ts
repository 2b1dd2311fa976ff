/**
 * Writes `docs/fault-matrix.md`: each row of the fault matrix, the tests that prove it, and what they
 * last came to on this machine.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type HostName, isOfEntryPoint, readResults, type Result, rowsOf } from "./results.ts";
import { rows } from "./rows.ts";
import { unrunnable } from "./unrunnable.ts";

const path = join(import.meta.dirname, "../../../docs/fault-matrix.md");

const head = `# The fault matrix

Each row is a fault that is done for real (tiers i and n) or simulated (u), and what has to happen is
asserted by the tests named: beside its own effect always that no two commands run at once. The table is
written by \`npm run matrix\` from what \`npm test\`, \`npm run test:long\` and \`npm run test:nightly\` last
came to, on the Node host and, with \`--native\`, on the native file. What is not about the process that
runs, such as the program itself and its simulation, is run once: there the native file shows "as Node".

| row | fault | tier | tests | last result, Node | native file |
|---|---|---|---|---|---|
`;

const results = readResults();
const lines = Object.entries(rows).map(([name, { fault, tier }]) => {
  const found = results.filter(({ title }) => rowsOf(title).includes(name));
  const [node, native] = (["node", "native"] as const).map((host) => outcomeOf(name, found, host));
  return `| ${name} | ${fault} | ${tier} | ${filesOf(found)} | ${node} | ${native} |`;
});
writeFileSync(path, `${head}${lines.join("\n")}\n`);
const missing = Object.keys(rows).filter(
  (name) => !results.some((it) => rowsOf(it.title).includes(name)),
);
process.stdout.write(`${lines.length} rows, without a test: ${missing.join(" ") || "none"}\n`);

function filesOf(found: readonly Result[]): string {
  const files = [...new Set(found.map(({ file }) => file))].sort();
  return files.map((file) => `${file.replace(/\.test$/, "")} (${countOf(found, file)})`).join(", ");
}

function countOf(found: readonly Result[], file: string): number {
  return new Set(found.filter((it) => it.file === file).map(({ title }) => title)).size;
}

function outcomeOf(name: string, all: readonly Result[], host: HostName): string {
  const found = all.filter((result) => result.host === host);
  const of = (outcome: Result["outcome"]) => found.filter((it) => it.outcome === outcome).length;
  const reasons = Object.entries(unrunnable).filter(
    ([part, it]) => part.split(" ", 1)[0] === name && (it.host ?? host) === host,
  );
  const told = [
    ...(of("passed") > 0 ? [`${of("passed")} passed`] : []),
    ...(of("failed") > 0 ? [`**${of("failed")} failed**`] : []),
    ...(of("skipped") > 0 ? [`${of("skipped")} skipped`] : []),
    ...reasons.map(([part, it]) => `not run: ${part.slice(name.length).trim()} (${it.reason})`),
  ];
  const isOnce =
    host === "native" && all.length > 0 && !all.some(({ file }) => isOfEntryPoint(file));
  return told.join("; ") || (isOnce ? "as Node" : "not run here yet");
}
