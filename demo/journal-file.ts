/** Reads a journal while it grows. */
import { closeSync, openSync, readSync } from "node:fs";
import { Lives, parseEntries } from "./journal.ts";

export interface JournalFile {
  /** What the journal tells by now. */
  read(): Lives;
  close(): void;
}

const chunkBytes = 64 * 1024;

/** Opens a journal, an empty one where there is none. */
export function openJournal(path: string): JournalFile {
  const descriptor = openSync(path, "a+");
  const buffer = Buffer.alloc(chunkBytes);
  const lives = new Lives();
  let position = 0;
  let rest = "";
  return {
    read() {
      for (;;) {
        const count = readSync(descriptor, buffer, 0, chunkBytes, position);
        if (count === 0) return lives;
        position += count;
        // Only ASCII is written, so that no character is cut in two.
        const parsed = parseEntries(rest + buffer.toString("latin1", 0, count));
        rest = parsed.rest;
        for (const entry of parsed.entries) lives.add(entry);
      }
    },
    close: () => closeSync(descriptor),
  };
}
