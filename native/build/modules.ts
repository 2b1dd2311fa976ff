/**
 * The program as the engine reads it: every file of `src/core` that `border.ts` needs, with its types
 * blanked out. Nothing else moves, so an error in the engine names file and line of the TypeScript.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import blankSpace from "ts-blank-space";

const entry = "src/core/border.ts";

/** Writes them to the folder, which holds nothing else then; returns their names. */
export function writeModules(root: string, folder: string): readonly string[] {
  rmSync(folder, { recursive: true, force: true });
  const names = new Set([entry]);
  // A set is walked in the order of its members, those added meanwhile included.
  for (const name of names) {
    const text = blankSpace(readFileSync(join(root, name), "utf8"), (node) => {
      throw new Error(`${name}: not only types: ${node.getText()}`);
    });
    for (const imported of importsOf(text)) names.add(posix.join(dirname(name), imported));
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return [...names];
}

/** What is left of them once types are gone. */
function importsOf(text: string): readonly string[] {
  return [...text.matchAll(/^(?:import|export|\})[^;]*? from "(\.[^"]+)";/gmu)].map(
    ([, path = ""]) => path,
  );
}
