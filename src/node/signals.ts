/** The signals the host receives, all of them reported and none obeyed: the program decides. */
import type { Report } from "../core/protocol.ts";

/**
 * Every signal that a listener can take. To listen is also what keeps the default away: SIGTSTP,
 * SIGTTIN and SIGTTOU do not stop the host while its command runs on, and SIGUSR1 does not open
 * Node's inspector.
 *
 * Left out, as tini does, are the signals by which the kernel reports a fault of the host itself
 * (ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS): handled, the fault would only happen again. SIGCHLD
 * tells of the host's own children, and SIGPIPE, which Node ignores, of the host's own pipes:
 * neither is meant for the command. Real-time signals cannot be listened to in Node; one that is
 * sent ends the host (unless it is PID 1), which a host of another kind can do better.
 */
export const catchableSignals: readonly NodeJS.Signals[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGTERM",
  "SIGSTKFLT",
  "SIGCONT",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGURG",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGVTALRM",
  "SIGPROF",
  "SIGWINCH",
  "SIGIO",
  "SIGPWR",
];

export type SignalReport = Extract<Report, { type: "signalled" }>;

/** Reports each signal from now on; the function returned ends that. */
export function listenForSignals(report: (report: SignalReport) => void): () => void {
  return onSignals(catchableSignals, (signal) => report({ type: "signalled", signal }));
}

/** Calls `listener` for each of these signals; the function returned ends that. */
export function onSignals(
  signals: readonly NodeJS.Signals[],
  listener: (signal: NodeJS.Signals) => void,
): () => void {
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}
