/** What `package.json` says that goes into every form of the product. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  /** Words that start it, and the files in the package behind them. */
  readonly bin: Readonly<Record<string, string>>;
  /** What is packed, besides `package.json`. */
  readonly files: readonly string[];
}

export function readManifest(root: string): Manifest {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
}
