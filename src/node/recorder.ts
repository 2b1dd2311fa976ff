/**
 * `K8S_AWAIT_ELECTION_RECORD`: writes what the program sees to a file, in the form of `recording.ts`.
 * It is never worth a lease: whatever goes wrong is one line in the log and the end of the recording.
 */
import { formatNote, type LogSettings } from "../core/log.ts";
import { ended, record, type Steps } from "../core/recording.ts";
import { readSettings } from "../core/settings.ts";
import { FileTape } from "./tape.ts";
import { version } from "./version.ts";

export interface Recorder {
  /** The program, recorded. */
  readonly steps: Steps;
  /** See `FileTape.end`. */
  readonly end: () => Promise<boolean>;
}

interface Options {
  readonly file: string;
  readonly print: (line: string) => void;
  /** See `TapeOptions`. */
  readonly maxBytes?: number;
}

export function createRecorder({ file, print, ...limits }: Options): Recorder {
  let log: LogSettings | undefined;

  function failed(error: unknown): void {
    const problem = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    const line = log && formatNote(ended(file, problem), log, Date.now());
    if (line !== undefined) print(line);
  }

  const tape = new FileTape({ ...limits, file, failed });
  const { begin, step } = record(version, tape);
  return {
    steps: {
      begin(facts, now) {
        ({ log } = readSettings(facts.variables));
        return begin(facts, now);
      },
      step,
    },
    end: () => tape.end(),
  };
}
