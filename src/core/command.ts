/**
 * The wrapped command: the start gate, the stop ladder, and what became of it.
 *
 *     idle ──arm──▶ arming ──guard ready──▶ starting ──▶ running ──drain──▶ draining
 *                     │                        │            │                  │
 *                     ▼                        └──── exited, killed or overdue ┴─▶ killing ─emptied─▶ over
 *
 * Nothing starts before the guard is armed for the term's hard deadline (S2, S3), and nothing is over
 * before the host has verified that the whole tree is gone (S5): what a command that has exited left
 * behind is killed like everything else.
 */
import { type Effect, eventNote, type Note, note } from "./notes.ts";
import { type Instant, later, type Now, type Report, type StartProblem } from "./protocol.ts";
import { startMarginMs } from "./timing.ts";

export type Command = Idle | Arming | Alive | Killing | Over;

interface Idle {
  readonly name: "idle";
}

interface Arming {
  readonly name: "arming";
  readonly addEnv: Readonly<Record<string, string>>;
  readonly until: Until;
  readonly guarded: boolean;
}

interface Alive {
  readonly name: "starting" | "running" | "draining";
  readonly until: Until;
  /** The end of the drain, set while draining. */
  readonly escalateAt?: Instant;
}

interface Killing {
  readonly name: "killing";
  readonly until: Until;
  readonly end?: End;
}

interface Over {
  readonly name: "over";
  /** Missing if the command was never started. */
  readonly end?: End;
}

/** How far the present tenure reaches. */
export interface Until {
  readonly stopAt: Instant;
  readonly killAt: Instant;
}

/** How the command ended, or why it did not start. */
export type End =
  | { readonly how: "code"; readonly code: number }
  | { readonly how: "signal"; readonly signal: string }
  | { readonly how: "notStarted"; readonly problem: StartProblem };

type Effects = readonly [Command, ...Effect[]];

export const idle: Command = { name: "idle" };

/** Prepares the start: the guard first. */
export function arm(addEnv: Arming["addEnv"], { stopAt, killAt }: Until): Effects {
  const until = { stopAt, killAt };
  return [
    { name: "arming", addEnv, until, guarded: false },
    { type: "guard", at: killAt },
  ];
}

/** The tenure was prolonged: the guard moves with it. */
export function prolong(command: Command, { stopAt, killAt }: Until, now: Now): Effects {
  if (command.name === "idle" || command.name === "over" || command.until.killAt === killAt) {
    return [command];
  }
  const prolonged = { ...command, until: { stopAt, killAt } };
  const [next, ...orders] =
    prolonged.name === "arming"
      ? start({ ...prolonged, guarded: false }, now)
      : ([prolonged] as const);
  return [next, { type: "guard", at: killAt }, ...orders];
}

export function step(command: Command, report: Report, now: Now): Effects {
  switch (command.name) {
    case "idle":
    case "over":
      return [command];
    case "arming":
      return report.type === "guardReady" && report.at === command.until.killAt
        ? start({ ...command, guarded: true }, now)
        : [command];
    case "starting":
    case "running":
    case "draining":
      return alive(command, report, now);
    case "killing":
      return killing(command, report);
  }
}

export function wakeAt(command: Command): Instant | undefined {
  return command.name === "draining" ? command.escalateAt : undefined;
}

/** First rung of the stop ladder: a signal, and time to heed it. */
export function drain(command: Command, signal: string, timeoutMs: number, now: Now): Effects {
  switch (command.name) {
    case "starting":
    case "running":
      return [
        { name: "draining", until: command.until, escalateAt: later(now.instant, timeoutMs) },
        { type: "signal", signal },
      ];
    case "arming":
      return [{ name: "over" }, { type: "guard" }];
    default:
      return [command];
  }
}

/** Last rung: the whole tree, until it is verified empty. */
export function kill(command: Command): Effects {
  switch (command.name) {
    case "starting":
    case "running":
    case "draining":
      return [{ name: "killing", until: command.until }, { type: "kill" }];
    case "arming":
      return [{ name: "over" }, { type: "guard" }];
    default:
      return [command];
  }
}

/** Passes a signal on to the command, if there is one. */
export function forward(command: Command, signal: string): Effects {
  return isAlive(command) ? [command, { type: "signal", signal }] : [command];
}

/** Whether it was started, and has neither ended nor been killed. */
export function isAlive({ name }: Command): boolean {
  return name === "starting" || name === "running" || name === "draining";
}

/** Whether no process of the command can be left. */
export function isEmpty(command: Command): boolean {
  return command.name === "idle" || command.name === "over";
}

/** The start gate (S2): a guard for this very deadline, and time enough before G. */
function start(command: Arming, now: Now): Effects {
  const inTime = now.instant < later(command.until.stopAt, -startMarginMs);
  if (!command.guarded || !inTime) return [command];
  return [
    { name: "starting", until: command.until },
    { type: "start", addEnv: command.addEnv },
  ];
}

function alive(command: Alive, report: Report, now: Now): Effects {
  switch (report.type) {
    case "started":
      return [
        command.name === "starting" ? { ...command, name: "running" } : command,
        note("info", "the command runs", { pid: report.pid }),
      ];
    case "startFailed": {
      const { errno, message } = report;
      const end: End = { how: "notStarted", problem: { errno, message } };
      return [
        { name: "over", end },
        { type: "guard" },
        eventNote(
          "CommandNotStarted",
          "Release",
          note("error", "the command cannot be started", { problem: message }),
        ),
      ];
    }
    case "exited":
      return [
        { name: "killing", until: command.until, end: endOf(report) },
        note("info", "the command has ended", valuesOf(report)),
        { type: "kill" },
      ];
    case "guardFired":
      return kill(command);
    default:
      if (command.escalateAt === undefined || now.instant < command.escalateAt) return [command];
      return [
        ...kill(command),
        eventNote(
          "CommandKilled",
          "Kill",
          note("warn", "the command did not stop in time: killing it"),
        ),
      ];
  }
}

function killing(command: Killing, report: Report): Effects {
  switch (report.type) {
    case "exited":
      return [
        { ...command, end: command.end ?? endOf(report) },
        note("info", "the command has ended", valuesOf(report)),
      ];
    case "remaining": {
      const pids = report.pids.slice(0, 20).join(" ");
      const stuck = report.stuck.slice(0, 20).join(" ");
      return [command, note("error", "processes of the command are still there", { pids, stuck })];
    }
    case "emptied":
      return [
        { name: "over", ...(command.end === undefined ? {} : { end: command.end }) },
        { type: "guard" },
      ];
    default:
      return [command];
  }
}

type Exited = Extract<Report, { type: "exited" }>;

function valuesOf(report: Exited): Note["values"] {
  return "code" in report ? { code: report.code } : { signal: report.signal };
}

function endOf(report: Exited): End {
  return "code" in report
    ? { how: "code", code: report.code }
    : { how: "signal", signal: report.signal };
}
