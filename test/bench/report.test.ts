import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { draw } from "../../bench/report/pictures.ts";
import { textOfReport } from "../../bench/report/report.ts";
import { overlap, valuesOf } from "../../bench/report/select.ts";
import { judge } from "../../bench/report/targets.ts";
import { loadResults, saveResults } from "../../bench/results.ts";
import { temporaryFolder } from "../support/processes.ts";
import { resultsOf } from "./results.ts";

const handOver = "SIGTERM → next command, ms";

const results = resultsOf([
  { figures: { [handOver]: [40, 60, 80] }, overlapsMs: [] },
  { figures: { [handOver]: [100, 420] }, overlapsMs: [], round: 1 },
  { contestant: "client-go, release", figures: { [handOver]: [1350] }, overlapsMs: [12, 34] },
  { profile: "5/3/1", figures: { [handOver]: [7] }, overlapsMs: [] },
  { round: 2, isVoid: true, figures: { [handOver]: [9999] } },
  { round: 3, error: "Cannot wait any longer\nand more", figures: {} },
]);

test("saveResults() and loadResults() keep every round, one in a line", (t) => {
  const file = join(temporaryFolder(t), "deep", "results.json");
  saveResults(file, results);
  assert.deepEqual(loadResults(file), results);
  const lines = readFileSync(file, "utf8").split("\n");
  assert.equal(lines.filter((line) => line.includes('"scenario"')).length, results.rounds.length);
  assert.equal(existsSync(`${file}.new`), false);
});

test("loadResults() refuses another format", (t) => {
  const file = join(temporaryFolder(t), "results.json");
  saveResults(file, { ...results, version: 2 as 1 });
  assert.throws(() => loadResults(file), /format 1/);
});

test("valuesOf() takes what came to something, and of overlaps the longest of each round", () => {
  const query = { scenario: "SIGTERM", profile: "15/10/2", contestant: "ours, Node" };
  assert.deepEqual(valuesOf(results, { ...query, figure: handOver }), [40, 60, 80, 100, 420]);
  assert.deepEqual(valuesOf(results, { ...query, figure: overlap }), [0, 0]);
  const other = { ...query, contestant: "client-go, release", figure: overlap };
  assert.deepEqual(valuesOf(results, other), [34]);
});

test("judge() holds every limit of a target against the measured, with client-go's beside it", () => {
  const verdict = judge(results).find(({ measure }) => measure === "SIGTERM → next command");
  assert.deepEqual(verdict, {
    measure: "SIGTERM → next command",
    contestant: "ours, Node",
    target: "p50 ≤ 100 ms, p99 ≤ 300 ms",
    measured: "p50 80 ms, p99 420 ms",
    clientGo: "p50 1.35 s, p99 1.35 s",
    n: 5,
    isMet: false,
  });
});

const outage = "outage survived, ms";
const survived = "API outage survived";
const wipe = "healed: foreign Lease wiped";
const hole = "two commands, silent black hole";

for (const [what, measure, round, isMet] of [
  ["short ones", "SIGTERM → next command", { figures: { [handOver]: [40, 300] } }, true],
  ["no round of two commands", hole, { scenario: "black hole", overlapsMs: [] }, true],
  ["one round of two commands", hole, { scenario: "black hole", overlapsMs: [0.4] }, false],
  ["a Lease that was wiped", wipe, wiped(1), false],
  ["a Lease that was not", wipe, wiped(0), true],
  ["a survived outage", survived, { scenario: "outage", figures: { [outage]: [8105] } }, true],
  ["a shorter one", survived, { scenario: "outage", figures: { [outage]: [8000] } }, false],
  ["an outage that nobody survived", survived, { scenario: "outage", figures: {} }, false],
  ["rounds that failed", survived, { scenario: "outage", figures: {}, error: "failed" }, false],
] as const) {
  test(`judge() of ${what}: ${isMet ? "met" : "missed"}`, () => {
    const verdicts = judge(resultsOf([round])).filter((verdict) => verdict.measure === measure);
    assert.deepEqual(
      verdicts.map((verdict) => verdict.isMet),
      [isMet],
    );
  });
}

test("judge() takes the command alone off an overhead", () => {
  const timeless = { scenario: "not enabled", profile: "any" };
  const verdicts = judge(
    resultsOf([
      { ...timeless, contestant: "ours, native", figures: { "exec → command, ms": [7, 8, 9] } },
      { ...timeless, contestant: "no wrapper", figures: { "exec → command, ms": [6, 6, 6] } },
    ]),
  );
  assert.deepEqual(
    verdicts.map(({ measured }) => measured),
    ["p50 2 ms"],
  );
});

test("textOfReport() shows what missed, what failed, what was left out, and how many", () => {
  const text = textOfReport(results, draw(results));
  for (const line of [
    "| SIGTERM → next command | ours, Node | p50 ≤ 100 ms, p99 ≤ 300 ms | **p50 80 ms, p99 420 ms** | 5 |",
    "| SIGTERM → next command | 15/10/2 | ours, Node | 5 | 40 ms | 80 ms | 420 ms | 420 ms |",
    "* 15/10/2: ours, Node in 0 of 2 rounds, **client-go, release in 1 of 1** (34 ms / 34 ms / 34 ms)",
    "* SIGTERM, 15/10/2, ours, Node, round 4: Cannot wait any longer",
    "* native file left out: `npm run build:native`",
    "1 of them void",
    "A Processor, 2 processors, 8 GB",
  ]) {
    assert.ok(text.includes(line), `${line}\nis not in\n${text}`);
  }
});

test("draw() has a dot for each value and nothing from elsewhere", () => {
  const pictures = draw(results);
  assert.deepEqual(pictures.map(({ file }) => file).toSorted(), ["handover.svg", "leaves.svg"]);
  const leaves = pictures.find(({ file }) => file === "leaves.svg")?.svg ?? "";
  assert.equal(leaves.match(/<circle /g)?.length, 7);
  assert.match(leaves, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  for (const { svg } of pictures) assert.doesNotMatch(svg, /href=|url\(|NaN/);
  assert.deepEqual(draw(results), pictures, "the same each time");
});

function wiped(count: number) {
  return { scenario: "black hole, healed", counts: { "foreign Lease wiped": count } };
}
