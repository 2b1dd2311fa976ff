/**
 * What the tests of each row last came to. A title that begins with names of rows, such as
 * `N1 N2 the link goes silent: …`, speaks for those rows.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** The hosts that pass the same suites. */
export type HostName = "node" | "native";

const hostSuites = ["hosts", "native", "faults", "cluster", "interop", "metrics"];

/** Whether a file of tests, as `nameOf` says it, is about the entry point, whichever host it is. */
export function isOfEntryPoint(name: string): boolean {
  return hostSuites.includes(name.split("/", 1)[0] ?? "");
}

export interface Result {
  readonly host: HostName;
  /** From `test/` on, without the endings that compiling gave it. */
  readonly file: string;
  readonly title: string;
  readonly outcome: "passed" | "failed" | "skipped";
}

const root = join(import.meta.dirname, "../../..");
const store = join(root, ".cache/matrix.json");

/** The rows that a title names. */
export function rowsOf(title: string): string[] {
  const names = /^(?:[NOCPFX]\d+(?:,? |: ?))+/.exec(`${title} `)?.[0] ?? "";
  return names.match(/[NOCPFX]\d+/g) ?? [];
}

/** A file as the results name it. */
export function nameOf(file: string): string {
  return relative(join(root, "dist/test"), file).replace(/\.js$/, "");
}

export function readResults(): Result[] {
  try {
    return JSON.parse(readFileSync(store, "utf8")) as Result[];
  } catch {
    // Nothing has been run yet.
    return [];
  }
}

/** Keeps what a run of a host found; of the files that it ran, nothing older is kept. */
export function keepResults(
  found: readonly Result[],
  host: HostName,
  files: readonly string[],
): void {
  const ran = new Set(files.map(nameOf));
  const others = readResults().filter((it) => it.host !== host || !ran.has(it.file));
  mkdirSync(dirname(store), { recursive: true });
  writeFileSync(store, JSON.stringify([...others, ...found], undefined, 1));
}
