/** What `npm run build:native` left, copied to where a test may pack it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export const root: string = join(import.meta.dirname, "../../..");
/** The native file of this machine; beside it are its licences and what it is made of. */
export const nativeFile: string = process.env["AWAIT_ELECTION_BIN"] ?? "";
export const built: string = dirname(nativeFile);

interface Manifest {
  readonly version: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export const manifest: Manifest = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
) as Manifest;

/** The native files and what goes along with them, into a folder where things packed come to lie. */
export function copyBuilt(folder: string): void {
  assert.ok(nativeFile.startsWith("/"), "AWAIT_ELECTION_BIN is the path of the native file");
  const sums = readFileSync(join(built, "SHA256SUMS"), "utf8").trim().split("\n");
  const names = sums.map((line) => line.slice(line.lastIndexOf(" ") + 1));
  assert.ok(names.includes(basename(nativeFile)), "SHA256SUMS names the file");
  for (const name of [...names, "SHA256SUMS", "LICENSES.txt", "sbom.cdx.json"]) {
    copyFileSync(join(built, name), join(folder, name));
  }
}

/** Runs one of the scripts that pack the native files, and returns what it says. */
export function pack(script: "image" | "packages", folder: string): string {
  const file = join(root, `dist/native/build/${script}.js`);
  return execFileSync(process.execPath, [file, folder], { encoding: "utf8", stdio: "pipe" });
}
