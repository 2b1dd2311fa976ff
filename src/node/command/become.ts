/**
 * Becoming the command: it runs as if the host had never been there (election not enabled).
 *
 * Where Node has `process.execve` (22.15, 23.11) the host is replaced: same pid, same parent, same
 * terminal, and no memory kept. Node ignores SIGPIPE and SIGXFSZ, and an ignored signal stays
 * ignored across an exec while one that is listened to does not, so both get a listener first;
 * the command then starts with no signal ignored or blocked. Because a failing `execve` aborts the
 * process, it is used only for a file known to be complete.
 *
 * Elsewhere the command is a child in the same group and session, signals are forwarded, and the
 * host ends as it ended. What remains different: the pid, one Node process more, orphans that
 * nobody reaps if the host is PID 1, descriptors above 2, and real-time signals, which end the host
 * (and a death by one looks like code 0). In either way bytes that are no UTF-8 in words and
 * variables are not kept, and dispositions ignored before the host started (nohup) are lost.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { StartProblem } from "../../core/protocol.ts";
import { endAs } from "./ending.ts";
import { errnoOf, lookUp, problemOf } from "./executable.ts";
import { readProcess } from "./processes.ts";
import { catchableSignals, onSignals } from "../signals.ts";

type Execve = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never;

/** What a terminal sends to the whole foreground group, and so to the command as well. */
const terminalSignals = new Set(["SIGINT", "SIGQUIT", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGWINCH"]);

const stopSignals = new Set(["SIGTSTP", "SIGTTIN", "SIGTTOU"]);

/**
 * Runs the command in place of the host and ends as it ends; only a failure returns a report. To
 * be called before other signal listeners are removed, so that no signal falls between.
 */
export function becomeCommand(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  failed: (problem: StartProblem) => void,
): void {
  const argv0 = argv[0] ?? "";
  const found = lookUp(argv0, env);
  if ("errno" in found) return failed(found);
  if (found.isComplete && hasExecve(process)) {
    onSignals(["SIGPIPE", "SIGXFSZ"], () => {});
    process.execve(found.file, argv, env);
  }
  runAsChild(found.file, argv, env, failed);
}

function runAsChild(
  file: string,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  failed: (problem: StartProblem) => void,
): void {
  const argv0 = argv[0] ?? "";
  let child: ChildProcess | undefined;
  // Before the command runs: it may be sent a signal as soon as it does.
  const stopForwarding = onSignals(catchableSignals, (signal) => forward(signal, child?.pid));
  const fail = (error: unknown) => {
    stopForwarding();
    failed(problemOf(argv0, errnoOf(error)));
  };
  try {
    child = spawn(file, argv.slice(1), { argv0, env, stdio: "inherit", shell: false });
  } catch (error) {
    return fail(error);
  }
  child.once("error", fail);
  child.once("exit", (code, signal) => endAs(signal === null ? { code: code ?? 1 } : { signal }));
}

/**
 * A signal of the terminal has reached the command already; twice, it would mean something else
 * (a second Ctrl-C). A shell sees a job as stopped when its own child is, so the host stops too.
 */
function forward(signal: NodeJS.Signals, child: number | undefined): void {
  if (child === undefined) return;
  const isFromTerminal =
    terminalSignals.has(signal) && readProcess(process.pid)?.hasTerminal === true;
  try {
    if (!isFromTerminal) process.kill(child, signal);
    if (stopSignals.has(signal)) process.kill(process.pid, "SIGSTOP");
  } catch {
    // The command has ended, and its exit is about to be reported.
  }
}

function hasExecve(host: NodeJS.Process): host is NodeJS.Process & { execve: Execve } {
  return "execve" in host && typeof host.execve === "function";
}
