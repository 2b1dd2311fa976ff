/** The words after `npm run bench --`. */
import { parseArgs } from "node:util";

export interface Arguments {
  readonly help: boolean;
  readonly isQuick: boolean;
  /** Results of a run that was stopped. */
  readonly resume?: string;
  /** Results of which only the report is written anew. */
  readonly report?: string;
  /** Parts of the names of scenarios; all of them where none is given. */
  readonly only: readonly string[];
}

export const usage = `npm run bench [-- OPTION…]

Measures this entry point, the library and client-go's elector side by side, on the kube-apiserver in the
folder KUBEBUILDER_ASSETS. Wants a machine that does nothing else, and takes at most 45 minutes. Writes
results after every round into bench/results/, and docs/benchmarks.md with its pictures at the end.

  --quick        at most 3 minutes: the short durations and a part of the scenarios; nothing under
                 docs/ is touched, results and report go to .cache/bench/
  --resume FILE  takes a run up that was stopped: what its results have is not played again
  --only TEXT    only scenarios with TEXT in their names; may be given several times. Results and
                 report go to .cache/bench/
  --report FILE  plays nothing, writes the report of these results into docs/
  --help         prints this

Ends with 0, with 1 if a round failed, with 64 for wrong options, and with 70 if it could not be played.
`;

/** @throws TypeError saying what is wrong. */
export function parseArguments(words: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...words],
    options: {
      help: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      resume: { type: "string" },
      report: { type: "string" },
      only: { type: "string", multiple: true, default: [] },
    },
  });
  const { help, quick, resume, report, only } = values;
  if (resume !== undefined && report !== undefined) {
    throw new TypeError("--resume and --report exclude each other: one plays, the other does not");
  }
  return {
    help,
    isQuick: quick,
    only,
    ...(resume !== undefined && { resume }),
    ...(report !== undefined && { report }),
  };
}
