/** Exit codes, as a shell gives them. */
import type { End } from "./command.ts";
import type { StartProblem } from "./protocol.ts";

/** EX_USAGE: the settings cannot be used. */
export const settingsRefused = 64;
/** EX_SOFTWARE: the watchdog is gone, or a bug of ours was found (S14). */
export const broken = 70;
/** EX_NOPERM: a permission is missing, and the preflight is strict about it. */
export const forbidden = 77;
/** The API server cannot be reached or refuses for good, the lease was lost for good: as in Go. */
export const failure = 1;

/** Linux numbers of the signals that can end a process; the same on every platform that Node has. */
const numbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGIOT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGIO: 29,
  SIGPOLL: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};

/** 128 + n; real-time signals are named `SIGRTMIN+n`. */
export function ofSignal(signal: string): number {
  const [, offset] = /^SIGRTMIN(?:\+(\d+))?$/.exec(signal) ?? [];
  const number = signal.startsWith("SIGRTMIN") ? 34 + Number(offset ?? 0) : numbers[signal];
  return 128 + (number ?? 0);
}

/** 127 if there is no such command, 126 if it cannot be run. */
export function ofProblem({ errno }: StartProblem): number {
  return errno === "ENOENT" ? 127 : 126;
}

/** The machine lacks something for the moment: the command itself may be right (L11). */
export function isPassing({ errno }: StartProblem): boolean {
  return ["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"].includes(errno);
}

/** The command's own end, passed on. */
export function ofEnd(end: End): number {
  switch (end.how) {
    case "code":
      return end.code;
    case "signal":
      return ofSignal(end.signal);
    case "notStarted":
      return ofProblem(end.problem);
  }
}
