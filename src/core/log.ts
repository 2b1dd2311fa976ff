/** One line per event, for the operator who reads nothing else. */
import { cut, isoTime } from "./json.ts";
import type { Level, Note } from "./notes.ts";

export interface LogSettings {
  readonly format: "text" | "json";
  readonly level: Level;
}

const ranks: Readonly<Record<Level, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

/**
 * A holder's name may be a megabyte long, and a container's log is cut at 16 KiB a line: with every
 * character escaped, a message and four values fit.
 */
const longestMessage = 1000;
const longestValue = 400;

/** The line for a note, without a line end; `undefined` if the level leaves it out. */
export function formatNote(note: Note, settings: LogSettings, wallMs: number): string | undefined {
  if (ranks[note.level] > ranks[settings.level]) return undefined;
  const time = isoTime(wallMs);
  if (settings.format === "json") {
    const message = cut(note.message, longestMessage);
    const told = { time, level: note.level, message, ...Object.fromEntries(valuesOf(note)) };
    return escaped(JSON.stringify(told));
  }
  return `${time} ${note.level.toUpperCase().padEnd(5)} ${wordNote(note)}`;
}

/** What a note says on one line, without time and level: some loggers add their own. */
export function wordNote(note: Note): string {
  const pairs = valuesOf(note).map(([key, value]) => ` ${key}=${plain(value)}`);
  return `${escaped(cut(note.message, longestMessage))}${pairs.join("")}`;
}

function valuesOf({ values = {} }: Note): (readonly [string, string | number])[] {
  return Object.entries(values).map(
    ([key, value]) => [key, typeof value === "string" ? cut(value, longestValue) : value] as const,
  );
}

/** A value that could be mistaken for something else stands in quotes. */
function plain(value: string | number): string {
  const text = String(value);
  return /^[\w.:/@+-]+$/.test(text) ? text : escaped(JSON.stringify(text));
}

/** Names and messages come from the API server, where anyone may have put line ends or escapes. */
function escaped(text: string): string {
  return text.replaceAll(
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u061c\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
