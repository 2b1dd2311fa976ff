/**
 * The built entry point in a process of its own: what is given to it, what it says, how it ends.
 *
 * `AWAIT_ELECTION_BIN` names another one, as words between spaces: every host passes this suite.
 * Whatever is started here, and whatever that starts, is gone after the test: it is found by a
 * variable in its environment that no other test has.
 */
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { endProcess, until } from "../support/processes.ts";
import { ownVariable, processesWith, programOf } from "./observer.ts";

/** Whatever lasts longer than what is started in it, such as a test. */
export interface Scope {
  /** Has something done at its end, in the order in which it was asked for. */
  after(ending: () => void | Promise<void>): void;
}

export interface BinOptions {
  /** The command and its arguments. */
  readonly argv: readonly string[];
  /** The whole environment but for `PATH` and the variable by which the test cleans up. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs it as PID 1 of a PID namespace of its own. */
  readonly asPid1?: boolean;
  /** Nothing to read, and both outputs collected, unless told. */
  readonly stdio?: StdioOptions;
  /** Leaves its outputs alone, so that what it writes to them is stuck. */
  readonly unread?: true;
  readonly cwd?: string;
  /** Words before the entry point, such as a shell that sets something up and then becomes it. */
  readonly before?: readonly string[];
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Bin {
  readonly child: ChildProcess;
  readonly output: Lines;
  readonly log: Lines;
  /** Its pid as this process sees it; inside a namespace of its own it is 1. */
  readonly pid: number;
  signal(name: NodeJS.Signals | number): void;
  /** How it ends; as PID 1, as `unshare` tells it. Rejects a minute after it was asked for. */
  readonly ended: Promise<Ending>;
  hasEnded(): boolean;
}

const binWords: readonly string[] = (
  process.env["AWAIT_ELECTION_BIN"] ??
  `${process.execPath} ${fileURLToPath(new URL("../../src/cli.js", import.meta.url))}`
)
  .split(" ")
  .filter((word) => word !== "");

/** Some rows differ by what Node can do; each says what that is. */
export const isNodeHost: boolean =
  basename(binWords[0] ?? "") === "node" || (binWords[0] ?? "").endsWith(".js");

const unshare: readonly string[] = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
/** What a healthy one needs is a fraction of it; mutants that never end are given less. */
const endLimitMs = Number(process.env["AWAIT_ELECTION_TEST_END_LIMIT_MS"] ?? 60_000);
const cleanUpVariable = "AWAIT_ELECTION_TEST_RUN";

// Where the run itself is ended, nothing that a test would do after itself is done.
for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => process.exit(1));
process.once("exit", () => {
  for (const pid of processesWith(ownVariable.join("="))) endProcess(pid);
});

/** What a test has started and not ended yet. */
const endings = new WeakMap<Scope, (() => void)[]>();

function endAfter(t: Scope, ending: () => void): void {
  endings.set(t, [...(endings.get(t) ?? []), ending]);
  t.after(() => endAll(t));
}

function endAll(t: Scope): void {
  for (const ending of endings.get(t) ?? []) ending();
  endings.delete(t);
}

/** A folder that is gone after the test, once nobody of it can write there any more. */
export function scratchFolder(t: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), "await-election-"));
  t.after(() => {
    // What is done after a test is done in the order in which it was asked for.
    endAll(t);
    // What was killed a moment ago may still be writing.
    removeFolder(folder);
  });
  return folder;
}

/** Looks anew at each try, as `maxRetries` does not. */
function removeFolder(folder: string): void {
  for (let tries = 0; ; tries++) {
    try {
      return rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      if (tries === 50) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

/** Starts the entry point. */
export async function startBin(t: Scope, options: BinOptions): Promise<Bin> {
  return startWords(t, options, binWords);
}

/** Starts the command alone, as if there were no entry point: what nothing may differ from. */
export async function startBare(t: Scope, options: BinOptions): Promise<Bin> {
  return startWords(t, options, []);
}

async function startWords(t: Scope, options: BinOptions, entry: readonly string[]): Promise<Bin> {
  const {
    argv,
    env = {},
    asPid1 = false,
    stdio = ["ignore", "pipe", "pipe"],
    before = [],
  } = options;
  const run = `${cleanUpVariable}=${randomUUID()}`;
  const [file, ...words] = [...(asPid1 ? unshare : []), ...before, ...entry, ...argv];
  const child = spawn(file ?? "", words, {
    stdio,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: {
      PATH: process.env["PATH"],
      ...env,
      [ownVariable[0]]: ownVariable[1],
      [cleanUpVariable]: run.slice(cleanUpVariable.length + 1),
    },
  });
  const ended = new Promise<Ending>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal }));
    // Something that outlives it may keep its outputs open for ever.
    child.once("exit", (code, signal) => setTimeout(resolve, 1000, { code, signal }).unref());
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  endAfter(t, () => {
    if (!hasEnded()) endProcess(child.pid);
    child.stdout?.destroy();
    child.stderr?.destroy();
    for (const pid of processesWith(run)) endProcess(pid);
  });
  const pid = asPid1 ? await onlyChildOf(child, hasEnded) : (child.pid ?? 0);
  const [output, log] = [child.stdout, child.stderr].map(
    (stream) => new Lines(options.unread === true ? null : stream, hasEnded),
  ) as [Lines, Lines];
  return {
    child,
    output,
    log,
    pid,
    get ended() {
      return within(ended, () => `It runs on:\n${log.text}`);
    },
    hasEnded,
    signal(name) {
      process.kill(pid, name);
    },
  };
}

/** The lines of a stream, as they come. */
export class Lines {
  readonly all: string[] = [];
  readonly #isOver: () => boolean;
  #rest = "";

  constructor(stream: Readable | null, isOver: () => boolean) {
    this.#isOver = () => stream === null || (isOver() && stream.readableEnded);
    stream?.setEncoding("utf8");
    stream?.on("data", (text: string) => {
      const parts = (this.#rest + text).split("\n");
      this.#rest = parts.pop() ?? "";
      this.all.push(...parts);
    });
  }

  get text(): string {
    return [...this.all, this.#rest].join("\n");
  }

  /** The first line that matches, once it has come; with `after`, only later lines count. */
  async first(pattern: RegExp, after: number = 0, limitMs: number = 15_000): Promise<string> {
    const find = () => this.all.slice(after).find((line) => pattern.test(line));
    try {
      await until(() => find() !== undefined || this.#isOver(), `a line ${pattern}`, limitMs);
    } catch (error) {
      throw new Error(`${String(error)}, but:\n${this.text}`, { cause: error });
    }
    const found = find();
    if (found === undefined) throw new Error(`It ended without a line ${pattern}:\n${this.text}`);
    return found;
  }
}

function within<T>(promise: Promise<T>, problem: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(problem())), endLimitMs);
  });
  const first = Promise.race([promise, limit]).finally(() => clearTimeout(timer));
  // Whoever awaits it learns of it; others asked in vain.
  first.catch(() => undefined);
  return first;
}

/** `unshare` has a child only after its namespaces are made, and becomes nothing itself. */
async function onlyChildOf(child: ChildProcess, hasEnded: () => boolean): Promise<number> {
  const { pid = 0 } = child;
  const find = () => {
    try {
      return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
    } catch {
      return 0;
    }
  };
  await until(() => find() > 0 || hasEnded(), "the namespace has its first process");
  const first = find();
  // Until its exec it is still `unshare`, and would treat a signal as `unshare` does.
  await until(
    () => hasEnded() || programOf(first) !== "unshare",
    "the first process has its program",
  );
  return first;
}
