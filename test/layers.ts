/** Who may import whom: the layers of `src`, for `tidy.test.ts`. */

export interface Layer {
  /** The files that belong to it: folders end in a slash. */
  readonly files: readonly string[];
  /** The layers that it may import besides itself. */
  readonly imports: readonly string[];
  /** What it may import from outside this project: names, or beginnings that end in a colon. */
  readonly packages?: readonly string[];
}

const settingsAndBelow = ["the vocabulary", "what is read at the edge"];

/**
 * The rooms of the core know the vocabulary and what was read at the edge, never each other: what one
 * room's news means for another is said in the corridor alone. A host knows only the program and the
 * protocol; the embedded API server knows nobody, or it would share the program's mistakes.
 */
export const layers: Readonly<Record<string, Layer>> = {
  "the vocabulary": {
    files: ["protocol", "notes", "json", "timing", "redact", "metrics"].map(inCore),
    imports: [],
  },
  "what is read at the edge": {
    files: ["forms", "log", "settings"].map(inCore),
    imports: ["the vocabulary"],
  },
  "the election's room": {
    files: [
      ...["lease", "lease-story", "sighting", "watch", "election"].map(inCore),
      "src/core/election/",
    ],
    imports: ["the vocabulary"],
  },
  "the command's room": { files: [inCore("command")], imports: ["the vocabulary"] },
  "the routing's room": {
    files: [inCore("routing"), "src/core/routing/"],
    imports: settingsAndBelow,
  },
  "the readiness' room": { files: [inCore("readiness")], imports: settingsAndBelow },
  "the status' room": { files: [inCore("status")], imports: settingsAndBelow },
  "the notices' room": { files: [inCore("notices")], imports: ["the vocabulary"] },
  "the preflight's room": { files: [inCore("preflight")], imports: ["the vocabulary"] },
  "the corridor": {
    files: [
      "exit",
      "term",
      "heed",
      "reasons",
      "leave",
      "settle",
      "observe",
      "pages",
      "rights",
      "program",
    ].map(inCore),
    imports: [
      "the vocabulary",
      "what is read at the edge",
      "the election's room",
      "the command's room",
      "the routing's room",
      "the readiness' room",
      "the status' room",
      "the notices' room",
      "the preflight's room",
    ],
  },
  "the recording": {
    files: ["recording", "replay", "transcript", "border"].map(inCore),
    imports: ["the vocabulary", "what is read at the edge", "the corridor"],
  },
  "the Node host": {
    files: ["src/node/", "src/cli.ts", "src/replay.ts"],
    imports: ["the vocabulary", "what is read at the edge", "the corridor", "the recording"],
    // The peer dependency reads kubeconfigs, where somebody has installed it.
    packages: ["node:", "@kubernetes/client-node"],
  },
  "the library's program": {
    files: ["src/library/program/"],
    imports: ["the vocabulary", "the election's room", "the corridor"],
  },
  "the library": {
    files: ["src/library/"],
    imports: [
      "the vocabulary",
      "what is read at the edge",
      "the election's room",
      "the corridor",
      "the Node host",
      "the library's program",
    ],
    packages: ["node:"],
  },
  "the testing kit": {
    files: ["src/testing/"],
    imports: ["the vocabulary", "the library", "the API server", "the API server's face"],
  },
  "the API server's face": {
    // Addresses are read by `node:net`, which is a function of their text.
    files: ["serve", "addresses", "endpoints", "endpoint-slices"].map(
      (name) => `src/api-server/${name}.ts`,
    ),
    imports: ["the API server"],
    packages: ["node:"],
  },
  "the API server": {
    files: ["src/api-server/"],
    imports: ["the API server's face"],
  },
};

function inCore(name: string): string {
  return `src/core/${name}.ts`;
}
