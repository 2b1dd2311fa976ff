/** What a room wants said; `log.ts` gives it a form. Data, so that other tellers can use it too. */
import type { Order } from "./protocol.ts";

export type Level = "error" | "warn" | "info" | "debug";

export interface Note {
  readonly type: "note";
  readonly level: Level;
  /** One sentence without the values. */
  readonly message: string;
  readonly values?: Readonly<Record<string, string | number>>;
}

/** What a room's step gives: orders for the host, and notes for the reader of the log. */
export type Effect = Order | Note;

export function note(level: Level, message: string, values?: Note["values"]): Note {
  return { type: "note", level, message, ...(values === undefined ? {} : { values }) };
}
