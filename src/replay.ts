#!/usr/bin/env node
/** `k8s-await-election-replay FILE…`: plays recordings again, and says whether they still hold. */
import { existsSync, readFileSync } from "node:fs";
import { type Ending, replay, type Written } from "./core/replay.ts";
import { version } from "./node/version.ts";

const usage = `k8s-await-election-replay FILE…

Plays what K8S_AWAIT_ELECTION_RECORD=FILE recorded: prints what the program saw (>) and what it ordered
(<), with the milliseconds since its start (@), and compares every order with what was recorded. FILE.1,
the older part, is read before FILE.

Exit codes: 0 all orders are the same, 1 one differs, 2 a file cannot be read or is no recording.
`;

const different = 1;
const unreadable = 2;

process.exitCode = main(process.argv.slice(2));
// Whoever reads only the beginning knows enough.
process.stdout.on("error", () => process.exit());

function main(files: readonly string[]): number {
  if (files[0] === "--help") {
    process.stdout.write(usage);
    return 0;
  }
  if (files.length === 0 || files.some((file) => file.startsWith("-"))) {
    process.stderr.write(usage);
    return unreadable;
  }
  try {
    return tell(replay(inOrder(files).flatMap(linesOf), version));
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return unreadable;
  }
}

/** Prints the transcript as it comes, and the verdict. */
function tell(transcript: Generator<string, Ending>): number {
  for (;;) {
    const { done, value } = transcript.next();
    if (done) return conclude(value);
    process.stdout.write(`${value}\n`);
  }
}

function conclude(ending: Ending): number {
  switch (ending.how) {
    case "verified":
      process.stdout.write(`# verified: ${ending.runs} runs, ${ending.steps} steps\n`);
      return 0;
    case "different":
      complain(`${ending.where}: the orders differ\n${ending.problem}`);
      return different;
    case "unreadable":
      complain(`${ending.where}: ${ending.problem}`);
      return unreadable;
  }
}

/** The older part of each file before it, and none twice. */
function inOrder(files: readonly string[]): string[] {
  const all = files.flatMap((file) => (existsSync(`${file}.1`) ? [`${file}.1`, file] : [file]));
  return [...new Set(all)];
}

function linesOf(file: string): Written[] {
  const texts = readFileSync(file, "utf8").split("\n");
  const last = texts.length - 1;
  return texts.map((text, index) => ({
    where: `${file}:${index + 1}`,
    text,
    isWhole: index < last,
  }));
}

function complain(problem: string): void {
  process.stderr.write(`k8s-await-election-replay: ${problem}\n`);
}
