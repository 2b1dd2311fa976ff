/** A logger in the shape that console, pino, winston and others share. */
import { wordNote } from "../core/log.ts";
import type { Note } from "../core/notes.ts";
import type { LeaseName } from "./settings.ts";

/** Takes a whole line, `message key=value …`, without time and level. */
export interface Logger {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
}

export function logNote(logger: Logger | undefined, note: Note, lease: LeaseName): void {
  if (logger === undefined) return;
  const values = { ...note.values, lease: `${lease.namespace}/${lease.name}` };
  logger[note.level](wordNote({ ...note, values }));
}
