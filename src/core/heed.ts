/** What comes from outside the rooms: signals, and the news of the guard. */
import * as commands from "./command.ts";
import * as elections from "./election.ts";
import * as exits from "./exit.ts";
import { note } from "./notes.ts";
import { later, type Now, type Report } from "./protocol.ts";
import { end, exitNow, type Running, type Step } from "./term.ts";

/** Signals that end the process: kubelet's, the terminal's, and what images set as STOPSIGNAL. */
const shutdowns = ["SIGTERM", "SIGINT", "SIGQUIT"];

/** Heeds a report that is no room's own. */
export function heed(running: Running, report: Report, now: Now): Step {
  switch (report.type) {
    case "signalled":
      return shutdowns.includes(report.signal)
        ? shutDown(running, report.signal, now)
        : forwardSignal(running, report.signal);
    case "guardFired": {
      const [election, ...effects] = elections.forfeit(running.election, now);
      return [{ ...running, election }, ...effects];
    }
    case "guardLost": {
      if (running.isGuardLost) return [running];
      const after = { how: "exit", code: exits.broken } as const;
      const problem = note("error", "the watchdog is gone: stopping", { problem: report.message });
      return [
        { ...end(running, "kill", after, "the watchdog is gone"), isGuardLost: true },
        problem,
      ];
    }
    default:
      return [running];
  }
}

/**
 * The first ends what is going on; further ones are passed on, and end a drain delay, or a release that
 * hangs.
 */
function shutDown(running: Running, signal: string, now: Now): Step {
  const after = { how: "exitAsCommand", otherwise: exits.ofSignal(signal) } as const;
  const { ending, command } = running;
  const received = `received ${signal}`;
  const message = note("info", received);
  if (ending === undefined) return [end(running, { signal }, after, received), message];
  const isFirst = ending.after.how === "rejoin";
  const leaving = isFirst ? { ...running, ending: { ...ending, after } } : running;
  if (ending.stage === "withdrawing") {
    // As if nobody had come for all of the delay.
    const goneAt = later(now.instant, -running.settings.drainDelayMs);
    return [{ ...running, ending: { ...ending, after, goneAt } }, message];
  }
  if (!commands.isEmpty(command)) {
    const [forwarded, ...effects] = forwardSignal(leaving, signal);
    return [forwarded, message, ...effects];
  }
  const isImpatient = !isFirst && ending.stage === "releasing";
  return isImpatient ? [leaving, message, exitNow(leaving)] : [leaving, message];
}

function forwardSignal(running: Running, signal: string): Step {
  const [command, ...effects] = commands.forward(running.command, signal);
  return [{ ...running, command }, ...effects];
}
