/**
 * Plants a mutant in a copy of everything compiled.
 *
 * The copy stands inside the project, so that packages are found from it, and at the same depth of
 * folders below its own root, so that tests in it find what they look for beside `dist/`.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mutantNamed } from "./catalogue.ts";
import type { Mutant } from "./mutant.ts";

const root = join(import.meta.dirname, "../../..");
const besideDist = ["package.json", "src", "test", "examples"];

/**
 * Makes a copy of `dist/` with this one mistake, and returns its folder: the stand-in for `dist/`,
 * anew at every call. Run what has to notice from there, such as `test/world/simulation.test.js`.
 * @throws Error when there is no such mutant, or when it no longer applies.
 */
export function applyMutant(name: string): string {
  return plant(mutantNamed(name));
}

/** The same for a mutant that is in no catalogue. */
export function plant({ name, file, from, to }: Mutant): string {
  const folder = copyOfDist(name);
  const path = join(folder, file);
  const text = readFileSync(path, "utf8");
  const matches = text.split(from).length - 1;
  if (matches !== 1) {
    throw new Error(`Cannot plant the mutant ${name}: ${file} has its line ${matches} times`);
  }
  // A function, because a text would be searched for `$`.
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  return folder;
}

/** A copy without a mistake. */
export function copyOfDist(name: string): string {
  const home = join(root, ".cache/mutants", name);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  for (const entry of besideDist) symlinkSync(join(root, entry), join(home, entry));
  const folder = join(home, "dist");
  for (const part of ["src", "test"]) {
    cpSync(join(root, "dist", part), join(folder, part), {
      recursive: true,
      filter: (path) => !/\.d\.ts$|\.tsbuildinfo$/.test(path),
    });
  }
  return folder;
}
