/** What each simulated process saw and did, in the format of `src/core/recording.ts`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { record, type Steps } from "../../src/core/recording.ts";
import { version } from "../../src/node/version.ts";

export class Recordings {
  /** The lines of every process, by its id. */
  readonly lines: Map<string, string[]> = new Map();

  /** The program for a process of this id. */
  stepsOf(id: string): Steps {
    const lines: string[] = [];
    this.lines.set(id, lines);
    return record(version, {
      append: (line) => void lines.push(line),
      isFull: () => false,
      turn: (line) => void lines.push(line),
    });
  }

  /** Writes a file for each, and returns their paths. */
  write(folder: string): string[] {
    mkdirSync(folder, { recursive: true });
    return [...this.lines].map(([id, lines]) => {
      const path = join(folder, `${id}.jsonl`);
      writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
      return path;
    });
  }
}
