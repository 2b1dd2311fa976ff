/** What a room wants said; `log.ts` gives it a form. Data, so that other tellers can use it too. */
import type { Order } from "./protocol.ts";

export type Level = "error" | "warn" | "info" | "debug";

export interface Note {
  readonly type: "note";
  readonly level: Level;
  /** One sentence without the values. */
  readonly message: string;
  readonly values?: Readonly<Record<string, string | number>>;
  /** Makes it a Kubernetes Event on the Lease as well: what happened, and what is done, a word each. */
  readonly event?: { readonly reason: string; readonly action: string };
}

/** What a room's step gives: orders for the host, and notes for the reader of the log. */
export type Effect = Order | Note;

export function note(level: Level, message: string, values?: Note["values"]): Note {
  return { type: "note", level, message, ...(values === undefined ? {} : { values }) };
}

/** A note that is an Event too; its value `reason`, `problem` or `advice` goes with it. */
export function eventNote(reason: string, action: string, told: Note): Note {
  return { ...told, event: { reason, action } };
}
