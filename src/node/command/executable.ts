/**
 * Finds the file that a command names, as execvp(3) does, and what the kernel would refuse in it.
 *
 * The check exists because the C library hides one refusal: a file that the kernel cannot execute
 * is handed to `/bin/sh`, which reads a foreign machine's program as if it were a script.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from "node:fs";
import type { StartProblem } from "../../core/protocol.ts";

export interface Executable {
  readonly file: string;
  /** The kernel can execute it as it is: a program or a script, with its interpreter in place. */
  readonly isComplete: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const reasons: Readonly<Record<string, string>> = {
  E2BIG: "its arguments and environment are too long",
  EACCES: "it is not executable",
  EISDIR: "it is a directory",
  ELOOP: "too many symbolic links",
  ENOENT: "not found",
  ENOEXEC: "it is not a program for this machine",
  ENOTDIR: "a part of its path is not a directory",
};

/** What is known at once to be wrong with a command; `undefined` when it can be started. */
export function findCommand(argv0: string, env: Environment): StartProblem | undefined {
  const found = lookUp(argv0, env);
  return "errno" in found ? found : undefined;
}

/** The executable that a command's first word means. */
export function lookUp(argv0: string, env: Environment): Executable | StartProblem {
  if (argv0.includes("/")) return check(argv0, argv0);
  // The default is that of the C library.
  const folders = (env["PATH"] ?? "/bin:/usr/bin").split(":");
  let refused: StartProblem | undefined;
  for (const folder of argv0 === "" ? [] : folders) {
    const found = check(argv0, `${folder === "" ? "." : folder}/${argv0}`);
    if (!("errno" in found) || found.errno === "ENOEXEC") return found;
    // Another folder may hold the right one, and a refusal is told only if none does.
    if (found.errno === "EACCES") refused ??= found;
  }
  return refused ?? problemOf(argv0, "ENOENT");
}

/** Words a failure; of the command's words only the first is quoted, for others may be secret. */
export function problemOf(argv0: string, errno: string, detail?: string): StartProblem {
  const reason = detail ?? reasons[errno] ?? "the system refused";
  return { errno, message: `Cannot start "${argv0}": ${reason} (${errno})` };
}

/** The name of the error of a system call, such as `ENOENT`. */
export function errnoOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "EINVAL";
}

function check(argv0: string, file: string): Executable | StartProblem {
  try {
    if (statSync(file).isDirectory()) return problemOf(argv0, "EISDIR");
    accessSync(file, constants.X_OK);
  } catch (error) {
    return problemOf(argv0, errnoOf(error));
  }
  const head = readHead(file);
  if (head.toString("latin1", 0, 4) === "\x7fELF") {
    if (!isForThisMachine(head)) return problemOf(argv0, "ENOEXEC");
    return { file, isComplete: isInterpreterThere(loaderOf(head)) };
  }
  if (head.toString("latin1", 0, 2) === "#!") {
    const line = head.toString("latin1", 2).split("\n", 1)[0] ?? "";
    return { file, isComplete: isInterpreterThere(line.trim().split(/[ \t]/, 1)[0]) };
  }
  return { file, isComplete: false };
}

/** The beginning of a file; nothing where it may be executed but not read. */
function readHead(file: string): Buffer {
  const head = Buffer.alloc(4096);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, "r");
    return head.subarray(0, readSync(descriptor, head, 0, head.length, 0));
  } catch {
    return head.subarray(0, 0);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Compares with Node's own program; 32-bit kin and registered foreign formats pass as well. */
function isForThisMachine(head: Buffer): boolean {
  const kin: Readonly<Record<string, string>> = { x64: "1/3/0", arm64: "1/40/0" };
  const machine = machineOf(head);
  if (machine === undefined) return false;
  if (machine === machineOf(readHead(process.execPath)) || machine === kin[process.arch])
    return true;
  return hasForeignFormats();
}

function machineOf(head: Buffer): string | undefined {
  return head.length < 52 ? undefined : `${head[5]}/${head[18]}/${head[19]}`;
}

function hasForeignFormats(): boolean {
  try {
    const entries = readdirSync("/proc/sys/fs/binfmt_misc");
    return entries.some((it) => it !== "register" && it !== "status");
  } catch {
    return false;
  }
}

/** The dynamic loader that a 64-bit little-endian program names; "" if it names none. */
function loaderOf(head: Buffer): string | undefined {
  if (head[4] !== 2 || head[5] !== 1 || head.length < 64) return undefined;
  const table = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  for (let at = table; at < table + size * count; at += size) {
    if (at + 56 > head.length) return undefined;
    if (head.readUInt32LE(at) !== 3) continue;
    const offset = Number(head.readBigUInt64LE(at + 8));
    const end = offset + Number(head.readBigUInt64LE(at + 32)) - 1;
    return end < head.length ? head.toString("latin1", offset, end) : undefined;
  }
  return "";
}

function isInterpreterThere(interpreter: string | undefined): boolean {
  if (interpreter === undefined) return false;
  return interpreter === "" || existsSync(interpreter);
}
