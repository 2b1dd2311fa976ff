import assert from "node:assert/strict";
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { text } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { endProcess, temporaryFolder } from "../support/processes.ts";
import { createLineQueue } from "../../src/node/line-queue.ts";

const program = fileURLToPath(new URL("./printer-child.js", import.meta.url));

interface Findings {
  readonly longestGapMs: number;
  readonly isFree: boolean;
  readonly sameFlags: boolean;
}

/** A stuck write would stop the loop for as long as nobody reads, that is for good. */
const stuckMs = 500;

function start(t: TestContext, words: string[], stderr: "pipe" | number): ChildProcess {
  const stdio: StdioOptions = ["ignore", "ignore", stderr, "pipe"];
  const child = spawn(process.execPath, [program, ...words], { stdio });
  t.after(() => endProcess(child.exitCode === null ? child.pid : undefined));
  return child;
}

/** Runs it under a shell, which can make a pipe; Node itself makes sockets only. */
function startInShell(t: TestContext, script: string, words: string[]): ChildProcess {
  const child = spawn("sh", ["-c", script, process.execPath, program, ...words], {
    stdio: ["ignore", "pipe", "ignore", "pipe"],
  });
  t.after(() => endProcess(child.exitCode === null ? child.pid : undefined));
  return child;
}

async function findingsOf(child: ChildProcess): Promise<Findings> {
  const output = await text(child.stdio[3] as Readable);
  return JSON.parse(output) as Findings;
}

function assertUnharmed(findings: Findings): void {
  assert.ok(findings.longestGapMs < stuckMs, `the loop stood for ${findings.longestGapMs} ms`);
  assert.equal(findings.isFree, true, "process.exit can return");
  assert.equal(findings.sameFlags, true, "the shared descriptor is as it was");
}

/** A printer that blocks would never end. */
const timeout = 30_000;

test("F1 print() goes on when a full pipe is never read", { timeout }, async (t) => {
  // The reader holds the pipe open and reads nothing until it is killed with its group.
  const fifo = join(temporaryFolder(t), "fifo");
  const child = startInShell(t, `mkfifo ${fifo}; exec 5<>${fifo}; exec "$0" "$@" 2>${fifo}`, [
    "3000",
    "200",
  ]);
  assertUnharmed(await findingsOf(child));
  const [code] = await once(child, "exit");
  assert.equal(code, 7);
});

test("F1 print() writes whole lines in order into a pipe that is read", async (t) => {
  const child = startInShell(t, `"$0" "$@" 2>&1 3>&3 | cat`, ["500", "100"]);
  const output = await text(child.stdout as Readable);
  const numbers = output
    .trimEnd()
    .split("\n")
    .map((line) => Number(line.split(" ")[1]));
  assert.deepEqual(numbers, [...Array(500).keys()]);
});

test("F1 print() survives a pipe without a reader", async (t) => {
  const child = startInShell(t, `exec 2>&1; exec "$0" "$@"`, ["50", "10"]);
  child.stdout?.destroy();
  assertUnharmed(await findingsOf(child));
});

test("F1 print() survives a closed descriptor", async (t) => {
  const child = startInShell(t, `exec "$0" "$@" 2>&-`, ["50", "10"]);
  assertUnharmed(await findingsOf(child));
});

test("F1 print() survives /dev/full", async (t) => {
  const full = openSync("/dev/full", "w");
  const child = start(t, ["50", "10"], full);
  closeSync(full);
  assertUnharmed(await findingsOf(child));
});

test("F1 print() writes to a file at the offset it shares with others", async (t) => {
  const path = join(temporaryFolder(t), "log");
  writeFileSync(path, "");
  const file = openSync(path, "w");
  const first = start(t, ["3", "0"], file);
  assertUnharmed(await findingsOf(first));
  const second = start(t, ["2", "0"], file);
  assertUnharmed(await findingsOf(second));
  closeSync(file);
  assert.equal(readFileSync(path, "utf8"), "line 0 \nline 1 \nline 2 \nline 0 \nline 1 \n");
});

test("F1 print() writes to a socket that is read", async (t) => {
  const child = start(t, ["500", "100"], "pipe");
  const [output, findings] = await Promise.all([text(child.stderr as Readable), findingsOf(child)]);
  assertUnharmed(findings);
  assert.equal(output.trimEnd().split("\n").length, 500);
});

test("F1 flush() lets the process exit though a socket is never read", { timeout }, async (t) => {
  const child = start(t, ["3000", "500"], "pipe");
  child.stderr?.pause();
  assertUnharmed(await findingsOf(child));
  const [code] = await once(child, "exit");
  assert.equal(code, 7);
});

test("F1 print() writes to a terminal", async (t) => {
  const path = join(temporaryFolder(t), "typescript");
  const words = `'${process.execPath}' '${program}' 20 10`;
  const child = spawn("script", ["-qec", `${words} 3>/dev/null`, path], { stdio: "ignore" });
  t.after(() => endProcess(child.exitCode === null ? child.pid : undefined));
  const [code] = await once(child, "exit");
  assert.equal(code, 7);
  assert.match(readFileSync(path, "utf8"), /line 19 x{10}/u);
});

test("createLineQueue() counts what did not fit and says so once there is room", () => {
  const queue = createLineQueue(2);
  for (const line of ["a", "b", "c", "d"]) queue.add(line);
  assert.equal(take(), "a\n");
  queue.add("e");
  const rest = [take(), take(), take(), queue.first()];
  const said = "2 lines were dropped here: standard error was not read\n";
  assert.deepEqual(rest, ["b\n", said, "e\n", undefined]);

  function take(): string {
    const bytes = queue.first();
    assert.ok(bytes);
    queue.wrote(bytes.length);
    return bytes.toString();
  }
});

test("createLineQueue() keeps the rest of a line that was written in part", () => {
  const queue = createLineQueue(2);
  queue.add("abc");
  queue.wrote(2);
  assert.equal(queue.first()?.toString(), "c\n");
});

test("createLineQueue() keeps a line one line", () => {
  const queue = createLineQueue(2);
  queue.add("a\nb\r\nc");
  assert.equal(queue.first()?.toString(), "a\\nb\\nc\n");
});
