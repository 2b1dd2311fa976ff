/** What a recording does to the disk, and that the loop never waits for it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { constants, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { instant } from "../../src/core/protocol.ts";
import { createRecorder } from "../../src/node/recorder.ts";
import { FileTape, type TapeOptions } from "../../src/node/tape.ts";
import { contentOf, temporaryFolder, until } from "../support/processes.ts";

interface Taped {
  readonly file: string;
  readonly tape: FileTape;
  readonly failures: readonly string[];
}

function startTape(t: TestContext, options: Partial<TapeOptions> = {}): Taped {
  const file = options.file ?? join(temporaryFolder(t), "record.jsonl");
  const failures: string[] = [];
  const failed = (error: unknown): void => {
    failures.push((error as NodeJS.ErrnoException).code ?? (error as Error).message);
  };
  return { file, tape: new FileTape({ ...options, file, failed }), failures };
}

/** A FIFO that nobody reads. */
function makeFifo(t: TestContext): string {
  const file = join(temporaryFolder(t), "fifo");
  const made = spawnSync("mkfifo", [file]);
  assert.equal(made.status, 0, String(made.stderr));
  return file;
}

/** As a file on a disk that is full. */
async function openFull(): ReturnType<NonNullable<TapeOptions["openFile"]>> {
  return { handle: await open("/dev/full", "a"), size: 0 };
}

/** As a file on a server that is gone. */
function openNever(): ReturnType<NonNullable<TapeOptions["openFile"]>> {
  return new Promise(() => {});
}

test("append() leaves the writing to a thread, and end() waits for it", async (t) => {
  const { file, tape, failures } = startTape(t);
  const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}`);
  for (const line of lines) tape.append(line);
  assert.equal(contentOf(file), "", "nothing is written where the loop would wait for it");
  assert.equal(await tape.end(), true);
  assert.equal(readFileSync(file, "utf8"), `${lines.join("\n")}\n`);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(failures, []);
});

test("append() while a write is under way keeps the order", async (t) => {
  const { file, tape } = startTape(t);
  const lines = Array.from({ length: 200 }, (_, index) => `line ${index}`);
  for (const line of lines) {
    tape.append(line);
    await new Promise(setImmediate);
  }
  await tape.end();
  assert.equal(readFileSync(file, "utf8"), `${lines.join("\n")}\n`);
});

test("append() goes on in a file that is there, apart from a line that was cut", async (t) => {
  const file = join(temporaryFolder(t), "record.jsonl");
  writeFileSync(file, '{"cut":');
  const { tape } = startTape(t, { file });
  tape.append("new");
  await tape.end();
  assert.equal(readFileSync(file, "utf8"), '{"cut":\nnew\n');
});

test("turn() keeps the file before, and no more than that", async (t) => {
  const { file, tape } = startTape(t, { maxBytes: 20 });
  for (const [index, text] of ["first", "second", "third"].entries()) {
    assert.equal(tape.isFull(), index > 0);
    if (tape.isFull()) tape.turn(`state ${text}`);
    tape.append(`${text} ${"x".repeat(20)}`);
  }
  assert.equal(await tape.end(), true);
  const padding = "x".repeat(20);
  assert.equal(readFileSync(`${file}.1`, "utf8"), `state second\nsecond ${padding}\n`);
  assert.equal(readFileSync(file, "utf8"), `state third\nthird ${padding}\n`);
});

test("isFull() counts what was in the file before", async (t) => {
  const file = join(temporaryFolder(t), "record.jsonl");
  writeFileSync(file, "x".repeat(100));
  const { tape } = startTape(t, { file, maxBytes: 100 });
  assert.equal(tape.isFull(), false, "nothing is opened before the first line");
  tape.append("a");
  await tape.end();
  assert.equal(tape.isFull(), true);
});

const unfit: readonly (readonly [
  what: string,
  problem: RegExp,
  file: (t: TestContext) => string,
])[] = [
  ["a FIFO without a reader", /^ENXIO$/, makeFifo],
  [
    "a FIFO with a reader",
    /not a regular file/,
    (t) => {
      const file = makeFifo(t);
      openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
      return file;
    },
  ],
  ["a full device", /not a regular file/, () => "/dev/full"],
  ["a folder", /^EISDIR$/, (t) => temporaryFolder(t)],
  ["a folder that is missing", /^ENOENT$/, (t) => join(temporaryFolder(t), "no", "file")],
];

for (const [what, problem, fileOf] of unfit) {
  test(`append() ${what}: off, said once`, async (t) => {
    const { tape, failures } = startTape(t, { file: fileOf(t), maxBytes: 1 });
    for (let times = 0; times < 3; times++) {
      tape.append("line");
      assert.equal(await tape.end(), true);
    }
    assert.equal(failures.length, 1);
    assert.match(failures[0]!, problem);
    assert.equal(tape.isFull(), false);
  });
}

test("append() on a full disk: off, said once", async (t) => {
  const { tape, failures } = startTape(t, { openFile: openFull });
  tape.append("line");
  await tape.end();
  tape.append("line");
  assert.equal(await tape.end(), true);
  assert.deepEqual(failures, ["ENOSPC"]);
});

test("turn() where the file cannot be renamed: off, said once", async (t) => {
  const { file, tape, failures } = startTape(t);
  mkdirSync(`${file}.1`);
  tape.append("one");
  tape.turn("state");
  tape.append("two");
  await tape.end();
  assert.deepEqual(failures, ["EISDIR"]);
  assert.equal(readFileSync(file, "utf8"), "one\n");
});

test("append() on a disk that hangs takes no time, and only so much memory", async (t) => {
  const { tape, failures } = startTape(t, { openFile: openNever, maxWaitingBytes: 100_000 });
  for (let bytes = 0; bytes < 100_000; bytes += 1000) {
    assert.deepEqual(failures, []);
    tape.append("x".repeat(999));
  }
  assert.deepEqual(failures, []);
  tape.append("x");
  tape.append("x");
  assert.deepEqual(failures, ["the disk does not keep up"]);
  const startedAt = performance.now();
  assert.equal(await tape.end(), false);
  assert.ok(performance.now() - startedAt >= 1900, "a slow disk has two seconds");
});

test("createRecorder() warns in the form of the log", async (t) => {
  const lines: string[] = [];
  const file = temporaryFolder(t);
  const { steps, end } = createRecorder({ file, print: (line) => lines.push(line) });
  const variables = { K8S_AWAIT_ELECTION_LOG_FORMAT: "json" };
  const abilities = { treeDiesWithHost: true, reapsOrphans: false, soleHolder: false };
  const rest = { seed: 1, incarnation: "a", hasCommand: true, hostName: "h", isPid1: true };
  const now = { instant: instant(0), wallMs: 0 };
  const [, order] = steps.begin({ ...rest, abilities, variables }, now);
  assert.equal(order?.type, "become");
  await end();
  await until(() => lines.length > 0, "the warning");
  const { time: _, ...warning } = JSON.parse(lines[0]!) as Record<string, unknown>;
  const problem = "EISDIR";
  assert.deepEqual(warning, { level: "warn", message: "recording is off", file, problem });
  assert.equal(lines.length, 1);
});
