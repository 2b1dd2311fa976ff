/** What `/proc` says about the processes of this PID namespace. */
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import type { StartProblem } from "../../core/protocol.ts";

/** One process; its pid and start together are never used again. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly hasTerminal: boolean;
  /** False for a zombie, and for a kernel thread: there is nothing to kill. */
  readonly isAlive: boolean;
  /** Clock ticks (10 ms) since boot. */
  readonly startTicks: number;
  /** Has no environment yet: it is in the middle of an exec. */
  readonly isBare: boolean;
}

/** Why processes cannot be followed here, if `/proc` is missing or shows another PID namespace. */
export function findProcProblem(): StartProblem | undefined {
  let self = "nothing";
  try {
    self = readlinkSync("/proc/self");
  } catch {
    // Not mounted, or mounted for a namespace that does not hold this process.
  }
  if (self === String(process.pid)) return undefined;
  const message = `Cannot follow the command's processes: /proc/self is "${self}", not "${process.pid}"`;
  return { errno: "ENOENT", message };
}

/** All pids, the newest first: what forks and ends quickly is found only right after listing. */
export function listPids(): number[] {
  const pids: number[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (pid > 0) pids.push(pid);
  }
  return pids.toReversed();
}

/** Reads one process, zombies included; `undefined` when it is gone. */
export function readProcess(pid: number): Process | undefined {
  const text = readProcFile(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name is the only field that may hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number) => Number(fields[number - 3]);
  const isKernelThread = (field(9) & 0x00200000) !== 0;
  // A zombie with threads is one whose first thread ended before the others: it still runs.
  const isZombie = /^[ZXx]/.test(fields[0] ?? "") && field(20) <= 1;
  return {
    pid,
    parent: field(4),
    group: field(5),
    session: field(6),
    hasTerminal: field(7) !== 0,
    isAlive: !isZombie && !isKernelThread,
    startTicks: field(22),
    isBare: field(51) === 0,
  };
}

/**
 * The environment of a process, or `undefined` when it is gone or belongs to somebody else. The
 * bytes are valid until the next call.
 */
export function readEnvironment(pid: number): Buffer | undefined {
  const read = readInto(environment, `/proc/${pid}/environ`);
  if (read === undefined) return undefined;
  if (read < environment.length) return environment.subarray(0, read);
  environment = Buffer.allocUnsafe(environment.length * 2);
  return readEnvironment(pid);
}

/** The pid given last in this namespace: where it did not change, no process was created. */
export function readLastPid(): string {
  return readProcFile("/proc/loadavg")?.trimEnd().split(" ").at(-1) ?? "";
}

/** Whether a thread of the process is in uninterruptible sleep, where not even SIGKILL ends it. */
export function isStuck(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).some((thread) =>
      /\) D [^)]*$/.test(readProcFile(`/proc/${pid}/task/${thread}/stat`) ?? ""),
    );
  } catch {
    return false;
  }
}

/** Far more than any `stat` line. Reading into one buffer takes half the time of a new one. */
const buffer = Buffer.allocUnsafe(4096);
let environment = Buffer.allocUnsafe(65_536);

function readProcFile(path: string): string | undefined {
  const read = readInto(buffer, path);
  return read === undefined ? undefined : buffer.toString("latin1", 0, read);
}

/** How much was read; `undefined` where the process is gone or may not be looked at. */
function readInto(target: Buffer, path: string): number | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, "r");
    // A single read gives the whole of what `/proc` has, as far as there is room.
    return readSync(descriptor, target, 0, target.length, null);
  } catch (error) {
    if (isGone(error) || isForbidden(error)) return undefined;
    throw error;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** ESRCH is what reading says when the process ended after the opening. */
function isGone(error: unknown): boolean {
  return hasCode(error, "ENOENT") || hasCode(error, "ESRCH");
}

function isForbidden(error: unknown): boolean {
  return hasCode(error, "EACCES") || hasCode(error, "EPERM");
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
