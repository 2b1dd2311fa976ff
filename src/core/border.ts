/**
 * The program for a host in another language: everything that crosses is text or a number, and the
 * state stays here.
 */
import { formatNote, type LogSettings } from "./log.ts";
import * as programs from "./program.ts";
import {
  type Facts,
  type Instant,
  instant,
  type Now,
  type Order,
  type Report,
} from "./protocol.ts";
import { ended, record } from "./recording.ts";
import { redact, redactFacts, redactReport } from "./redact.ts";
import { readSettings } from "./settings.ts";

export interface Border {
  /** JSON of the facts → JSON of the orders. */
  begin(facts: string, instant: number, wallMs: number): string;
  /** JSON of a state that was recorded where a file goes on. */
  resume(program: string): void;
  /** JSON of a report → JSON of the orders. */
  step(report: string, instant: number, wallMs: number): string;
  /** Undefined when only a report can bring something new. */
  wakeAt(): number | undefined;
  /** JSON of the credentials in use, the newest first: kept out of all that comes in from here on. */
  keep(secrets: string): void;
  /** A text without secrets, as JSON: what a host says on its own must be one line. */
  told(text: string): string;
  /** From `begin` on, what the program sees is recorded. */
  record(version: string): void;
  /**
   * JSON of what is to be recorded since the last call: lines, and before one that begins a new file
   * `null`.
   */
  tape(): string;
  /** The file is full: the next step begins a new one. */
  fill(): void;
  /** The line of the log that says why there is no recording, if it is to be said. */
  recordingEnded(file: string, problem: string, wallMs: number): string | undefined;
}

type Step = readonly [programs.Program, ...Order[]];

export function openBorder(): Border {
  let program: programs.Program | undefined;
  let steps: Pick<typeof programs, "begin" | "step"> = programs;
  let secrets: readonly string[] = [];
  let log: LogSettings | undefined;
  let isTapeFull = false;
  const tape: (string | null)[] = [];

  function follow([next, ...orders]: Step): string {
    program = next;
    return JSON.stringify(orders);
  }

  return {
    begin(text, at, wallMs) {
      const facts = redactFacts(JSON.parse(text) as Facts);
      ({ log } = readSettings(facts.variables));
      return follow(steps.begin(facts, nowOf(at, wallMs)));
    },
    resume(text) {
      program = JSON.parse(text) as programs.Program;
    },
    step(text, at, wallMs) {
      if (program === undefined) throw new Error("Cannot step: the program has not begun");
      const report = redactReport(JSON.parse(text) as Report, secrets);
      return follow(steps.step(program, report, nowOf(at, wallMs)));
    },
    wakeAt: (): Instant | undefined => program && programs.wakeAt(program),
    keep(text) {
      secrets = JSON.parse(text) as string[];
    },
    told: (text) => JSON.stringify(redact(text, secrets)),
    record(version) {
      steps = record(version, {
        append: (line) => tape.push(line),
        turn: (line) => {
          isTapeFull = false;
          tape.push(null, line);
        },
        isFull: () => isTapeFull,
      });
    },
    tape: () => JSON.stringify(tape.splice(0)),
    fill() {
      isTapeFull = true;
    },
    recordingEnded(file, problem, wallMs) {
      return log && formatNote(ended(file, problem), log, wallMs);
    },
  };
}

function nowOf(at: number, wallMs: number): Now {
  return { instant: instant(at), wallMs };
}
