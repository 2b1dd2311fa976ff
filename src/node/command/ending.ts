/** How the host ends: with a code, or as a signal ended the command. */
import { constants } from "node:os";

/** A code, or the name of the signal that ended a process. */
export type Outcome = { readonly code: number } | { readonly signal: string };

/**
 * Ends this process the way the command ended. A signal is sent to the host itself, with every
 * listener for it removed; where that does not end it (PID 1 ignores what it does not listen to,
 * and some signals end nothing) the code is 128 and the signal's number, as in a shell.
 */
export function endAs(outcome: Outcome): void {
  if ("code" in outcome) process.exit(outcome.code);
  const number = signalNumber(outcome.signal);
  if (number === undefined) process.exit(1);
  // SIGKILL is the one fatal signal that has no listeners.
  if (outcome.signal !== "SIGKILL") takeDefaultAction(outcome.signal);
  process.kill(process.pid, number);
  // The signal may reach this process a moment after kill(2) has returned.
  setTimeout(() => process.exit(128 + number), 50);
}

function takeDefaultAction(signal: string): void {
  // Removing the last listener gives the signal its default action back, and so does adding one
  // first for SIGPIPE and SIGXFSZ, which Node ignores from its start.
  process.on(signal, ignore);
  process.removeAllListeners(signal);
}

function signalNumber(signal: string): number | undefined {
  return Object.entries(constants.signals).find(([name]) => name === signal)?.[1];
}

function ignore(): void {}
