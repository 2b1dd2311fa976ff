/** The package as `npm publish` would send it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Packed {
  /** The tarball. */
  readonly file: string;
  readonly paths: readonly string[];
  remove(): void;
}

/** Of the project: found from where this module runs, which is dist/test/library. */
export const root: string = fileURLToPath(new URL("../../../", import.meta.url));

/** Makes the one file that the package's entry point is. */
export function bundle(): void {
  execFileSync(process.execPath, [join(root, "build/bundle.mjs")]);
}

/** Packs what was built. */
export function pack(): Packed {
  bundle();
  const folder = mkdtempSync(join(tmpdir(), "package-"));
  const words = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
  const text = execFileSync("npm", words, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [found] = JSON.parse(text) as { filename: string; files: { path: string }[] }[];
  if (found === undefined) throw new Error(`Cannot pack: npm said ${text}`);
  return {
    file: join(folder, found.filename),
    paths: found.files.map(({ path }) => path),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
