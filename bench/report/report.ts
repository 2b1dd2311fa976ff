/** Writes the report of a run: `benchmarks.md` and its pictures in a folder beside it. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spreadOf, textOf } from "../figures.ts";
import { profiles } from "../profile.ts";
import type { Results } from "../results.ts";
import { allScenarios } from "../scenarios.ts";
import { draw, inOrder, type Picture } from "./pictures.ts";
import {
  countOf,
  figuresOf,
  namesOf,
  overlap,
  roundsOf,
  titleOf,
  unitOf,
  valuesOf,
} from "./select.ts";
import { judge, unmeasured, type Verdict } from "./targets.ts";

const pictureFolder = "benchmarks";

export function writeReport(results: Results, folder: string): void {
  const pictures = draw(results);
  const pictureFiles = join(folder, pictureFolder);
  rmSync(pictureFiles, { recursive: true, force: true });
  mkdirSync(pictureFiles, { recursive: true });
  for (const { file, svg } of pictures) writeFileSync(join(pictureFiles, file), svg);
  writeFileSync(join(folder, "benchmarks.md"), textOfReport(results, pictures));
}

export function textOfReport(results: Results, pictures: readonly Picture[]): string {
  const scenarios = allScenarios(results.isQuick).filter(
    ({ name }) => roundsOf(results, { scenario: name }).length > 0,
  );
  const parts = [
    head(results),
    ...picturesOf(pictures, undefined),
    // They are set for the usual durations, which a quick run leaves out.
    results.isQuick ? "" : targetsText(judge(results)),
    ...scenarios.map(({ name, about }) =>
      [
        `## ${name[0]?.toUpperCase()}${name.slice(1)}`,
        about,
        ...picturesOf(pictures, name),
        ...overlapText(results, name),
        tableOf(results, name),
        ...countsText(results, name),
      ].join("\n\n"),
    ),
    failures(results),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function head(results: Results): string {
  const { machine, startedAt, spentS, rounds, leftOut, isQuick } = results;
  const { processor, processors, memoryGb, kernel, versions } = machine;
  const lag = spreadOf(rounds.length > 0 ? rounds.map(({ lagMs }) => lagMs) : [0]);
  const load = spreadOf(rounds.length > 0 ? rounds.map((it) => it.load) : [0]);
  const voids = rounds.filter(({ isVoid }) => isVoid === true).length;
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    "# Benchmarks",
    "k8s-await-election beside client-go's elector: the same kube-apiserver, the same command, the same " +
      "proxies, in the same run. Written by `npm run bench`, never by hand.",
    ...(isQuick ? ["**A quick run: few rounds, and the short durations only.**"] : []),
    [
      `* ${rounds.length} rounds in ${Math.round(spentS / 60)} minutes, begun ${startedAt}; ${voids} of them void, ` +
        "for the machine was too busy for what they are about",
      `* ${processor}, ${processors} processors, ${memoryGb} GB, Linux ${kernel}`,
      `* ${programs.join(" · ")}`,
      `* the harness was late by ${textOf(lag.p50, "ms")} (p50 over rounds of the longest delay), ` +
        `${textOf(lag.max, "ms")} (max); load p50 ${load.p50}, max ${load.max}`,
      ...leftOut.map((line) => `* ${line}`),
    ].join("\n"),
    "To repeat it, on a machine that does nothing else:",
    [
      "    npm ci && npm run build:native",
      "    export KUBEBUILDER_ASSETS=$(setup-envtest use -p path)",
      "    npm run bench                       # at most 45 minutes; --quick takes 3",
    ].join("\n"),
    "Every percentile is one of the measured values (nearest rank), so p99 of few is the greatest. " +
      "*client-go, release* is its elector with `ReleaseOnCancel`, *none* without, as wrappers commonly have " +
      "it; both kill their command by SIGKILL. *No wrapper* is the command alone, a yardstick. The command " +
      "writes down that it lives every 5 ms; *two commands* is how long an old one did so beside a new one. " +
      `D/R/P are ${profiles.map(({ name }) => name).join(" and ")} s.`,
  ].join("\n\n");
}

function targetsText(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return "";
  const lines = verdicts.map(
    ({ measure, contestant, target, measured, n, clientGo, isMet }) =>
      `| ${measure} | ${contestant} | ${target} | ${isMet ? measured : `**${measured}**`} | ${n} | ` +
      `${clientGo} | ${isMet ? "met" : "**missed**"} |`,
  );
  const missed = verdicts.filter(({ isMet }) => !isMet).length;
  return [
    "## Targets",
    `Figures to beat, at ${profiles[0]?.name} where durations count. ${verdicts.length - missed} are met, ` +
      `${missed} missed.`,
    [
      "| measure | of | target | measured | n | client-go | |",
      "|---|---|---|---|---|---|---|",
      ...lines,
    ].join("\n"),
    `Not measured here: ${unmeasured.join("; ")}.`,
  ].join("\n\n");
}

function picturesOf(pictures: readonly Picture[], after: string | undefined): readonly string[] {
  return pictures
    .filter((picture) => picture.after === after)
    .map(({ file, caption }) => `![${caption}](${pictureFolder}/${file})\n\n*${caption}*`);
}

function tableOf(results: Results, scenario: string): string {
  const figures = figuresOf(results, { scenario }).filter((figure) => figure !== overlap);
  const lines = figures.flatMap((figure) =>
    namesOf(results, "profile", { scenario }).flatMap((profile) =>
      inOrder(namesOf(results, "contestant", { scenario, profile })).flatMap((contestant) =>
        lineOf(results, { scenario, profile, contestant, figure }),
      ),
    ),
  );
  return [
    "| figure | D/R/P | of | n | min | p50 | p95 | max |",
    "|---|---|---|---|---|---|---|---|",
    ...lines,
  ].join("\n");
}

function lineOf(results: Results, query: Parameters<typeof valuesOf>[1]): readonly string[] {
  const values = valuesOf(results, query);
  if (values.length === 0) return [];
  const { figure, profile, contestant } = query;
  const { n, min, p50, p95, max } = spreadOf(values);
  const cells = [min, p50, p95, max].map((value) => textOf(value, unitOf(figure)));
  return [`| ${titleOf(figure)} | ${profile} | ${contestant} | ${n} | ${cells.join(" | ")} |`];
}

/** Two commands at once: in how many rounds, and for how long in those. */
function overlapText(results: Results, scenario: string): readonly string[] {
  const lines = namesOf(results, "profile", { scenario }).flatMap((profile) => {
    const told = inOrder(namesOf(results, "contestant", { scenario, profile })).flatMap(
      (contestant) => {
        const query = { scenario, profile, contestant, figure: overlap };
        const values = valuesOf(results, query);
        const some = values.filter((ms) => ms > 0);
        if (values.length === 0) return [];
        if (some.length === 0) return [`${contestant} in 0 of ${values.length} rounds`];
        const { min, p50, max } = spreadOf(some);
        const lengths = [min, p50, max].map((ms) => textOf(ms, "ms")).join(" / ");
        return [`**${contestant} in ${some.length} of ${values.length}** (${lengths})`];
      },
    );
    return told.length === 0 ? [] : [`* ${profile}: ${told.join(", ")}`];
  });
  if (lines.length === 0) return [];
  return [`Two commands at once (min / p50 / max of those rounds):\n\n${lines.join("\n")}`];
}

function countsText(results: Results, scenario: string): readonly string[] {
  const figures = new Set(
    roundsOf(results, { scenario }).flatMap(({ counts = {} }) => Object.keys(counts)),
  );
  const lines = [...figures].flatMap((figure) =>
    namesOf(results, "profile", { scenario }).map((profile) => {
      const contestants = inOrder(namesOf(results, "contestant", { scenario, profile }));
      const told = contestants.flatMap((contestant) => {
        const count = countOf(results, { scenario, profile, contestant, figure });
        return count ? [`${contestant} ${count.sum} (n=${count.n})`] : [];
      });
      return `* ${figure}, ${profile}: ${told.join(", ")}`;
    }),
  );
  return lines.length === 0 ? [] : [lines.join("\n")];
}

function failures(results: Results): string {
  const failed = results.rounds.filter(({ error, isVoid }) => error !== undefined && !isVoid);
  if (failed.length === 0) return "";
  const lines = failed.map(
    ({ scenario, profile, contestant, round, error = "" }) =>
      `* ${scenario}, ${profile}, ${contestant}, round ${round + 1}: ${error.split("\n", 1)[0]}`,
  );
  return ["## Rounds that failed", lines.join("\n")].join("\n\n");
}
