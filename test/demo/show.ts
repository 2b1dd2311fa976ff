/** The demo in a process of its own, and the proof that nothing of it is left. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { processesWith } from "../hosts/observer.ts";
import { endProcess, temporaryFolder, until } from "../support/processes.ts";

export interface Show {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly log: () => string;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
  /** All processes of the show, its own among them. */
  processes(): readonly number[];
  /** Fails unless every process and every file of the show is gone, or goes at once. */
  assertGone(): Promise<void>;
}

export const mainFile: string = fileURLToPath(new URL("../../demo/main.js", import.meta.url));

/** Busy machines need long for what takes a moment elsewhere. */
const limitMs = 30_000;

/** Starts it; the words come after those of Node unless `before` names something else. */
export function startShow(
  t: TestContext,
  words: readonly string[],
  before: readonly string[] = [process.execPath, mainFile],
): Show {
  const mark = `AWAIT_ELECTION_TEST_RUN=${randomUUID()}`;
  const folder = temporaryFolder(t);
  const [file = "", ...rest] = [...before, ...words];
  const child = spawn(file, rest, {
    env: {
      ...process.env,
      TERM: "xterm",
      TMPDIR: folder,
      AWAIT_ELECTION_TEST_RUN: mark.slice(mark.indexOf("=") + 1),
    },
  });
  let [output, log] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
  t.after(() => {
    for (const pid of processesWith(mark)) endProcess(pid);
  });
  return {
    child,
    output: () => output,
    log: () => log,
    ended,
    processes: () => processesWith(mark),
    async assertGone() {
      await until(() => processesWith(mark).length === 0, "no process is left", limitMs);
      await until(() => readdirSync(folder).length === 0, "no file is left", limitMs);
    },
  };
}

/** Waits for a text on standard output. */
export async function untilShown(show: Show, pattern: RegExp): Promise<void> {
  await until(() => pattern.test(show.output()), `${pattern} in the output`, limitMs);
}
