/** The words after `npm run demo --`. */
import { parseArgs } from "node:util";

export interface Arguments {
  readonly help: boolean;
  readonly json: boolean;
  /** Real programs instead of the embedded API server. */
  readonly assets: boolean;
  /** The words of another entry point. */
  readonly against?: readonly string[];
}

export const usage = `npm run demo [-- OPTION…]

Shows three replicas of a command behind k8s-await-election: in a terminal live, to be disturbed by
keys, and elsewhere as a story of half a minute. Needs no cluster.

  --json             plays the story and prints its figures as one JSON object
  --against COMMAND  with another entry point, words between spaces; it gets the same variables
  --assets           on the real kube-apiserver in the folder KUBEBUILDER_ASSETS
  --help             prints this

Ends with 0, with 1 if two commands ever ran at once, with 64 for wrong options, with 70 if it could
not be shown, and with 128 + n after signal n.
`;

/** @throws TypeError saying what is wrong. */
export function parseArguments(words: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...words],
    options: {
      help: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      assets: { type: "boolean", default: false },
      against: { type: "string" },
    },
  });
  const { help, json, assets, against } = values;
  if (against === undefined) return { help, json, assets };
  const entryPoint = against.split(" ").filter((word) => word !== "");
  if (entryPoint.length === 0) throw new TypeError("--against names no command");
  return { help, json, assets, against: entryPoint };
}
