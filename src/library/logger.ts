/** A logger in the shape that console, pino, winston and others share. */
import { wordNote } from "../core/log.ts";
import type { Note } from "../core/notes.ts";
import type { LeaseName } from "./settings.ts";

/** Takes a whole line, `message key=value …`, without time and level. */
export interface Logger {
  /** What has to be looked at: a term was lost, a function did not stop. */
  error(message: string): void;
  /** What may become worse: exchanges that fail, each kind of problem once. */
  warn(message: string): void;
  /** Terms, claims and releases, and who leads. */
  info(message: string): void;
  /** Watches that were lost, and conflicts. */
  debug(message: string): void;
}

export function logNote(logger: Logger | undefined, note: Note, lease: LeaseName): void {
  if (logger === undefined) return;
  const values = { ...note.values, lease: `${lease.namespace}/${lease.name}` };
  logger[note.level](wordNote({ ...note, values }));
}
