/** Helpers for tests with real processes: readiness is a condition with a limit, never a pause. */
import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Order, Report } from "../../src/core/protocol.ts";
import { readProcess } from "../../src/node/command/processes.ts";

/** Waits until a condition holds, and fails with `what` after the limit. */
export async function until(
  condition: () => boolean,
  what: string,
  limitMs: number = 10_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Not within ${limitMs} ms: ${what}`);
    await pause(2);
  }
}

/** A folder that is gone after the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "await-election-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The content of a file, or nothing while there is none. */
export function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** The lines of a file as numbers: pids that a script has written down. */
export function numbersIn(file: string): number[] {
  return contentOf(file).split("\n").filter(Boolean).map(Number);
}

export function isRunning(pid: number): boolean {
  return readProcess(pid)?.isAlive === true;
}

/** Ends a process that a test started, if it is still there. */
export function endProcess(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

/** Options of a test that needs a PID namespace: skipped, saying why, but never in CI. */
export function needsPidNamespace(): { skip: string | false } {
  const probe = spawnSync("unshare", [...unshare.slice(1), "true"], { encoding: "utf8" });
  if (probe.status === 0 || process.env["CI"] === "true") return { skip: false };
  return { skip: `unshare is not permitted: ${probe.error?.message ?? probe.stderr.trim()}` };
}

const unshare: readonly string[] = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

/** A supervisor in a process of its own, which tests may signal and kill. */
export interface Supervisor {
  readonly child: ChildProcess;
  readonly reports: Report[];
  order(order: Order | { readonly type: "block"; readonly ms: number }): void;
  /** The first report of this type, once it has come. */
  first<T extends Report["type"]>(type: T): Promise<Extract<Report, { type: T }>>;
  /** How the process has ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export interface SupervisorOptions {
  readonly argv: readonly string[];
  /** Runs it as PID 1 of a new namespace. */
  readonly asPid1?: boolean;
  /** The Node program that runs it; this one unless told. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts `supervisor.ts`, ready for orders. */
export async function startSupervisor(
  t: TestContext,
  { argv, asPid1 = false, env = process.env }: SupervisorOptions,
): Promise<Supervisor> {
  const file = fileURLToPath(new URL("./supervisor.js", import.meta.url));
  const stdio = ["ignore", "inherit", "inherit", "ipc"] as const;
  const child = asPid1
    ? spawn(unshare[0]!, [...unshare.slice(1), process.execPath, file, ...argv], {
        stdio: [...stdio],
        env,
      })
    : fork(file, argv, { stdio: [...stdio], env, execArgv: [] });
  t.after(() => endProcess(child.exitCode === null ? child.pid : undefined));
  const reports: Report[] = [];
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  child.on("message", (message) => reports.push(message as Report));
  await until(() => reports.length > 0, "the supervisor is ready");
  return {
    child,
    reports,
    order: (order) => void child.send(order),
    async first(type) {
      const find = () => reports.find((it) => it.type === type);
      await until(() => find() !== undefined, `a report "${type}" in ${JSON.stringify(reports)}`);
      return find() as Extract<Report, { type: typeof type }>;
    },
    ended,
  };
}
