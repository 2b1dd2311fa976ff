/** Everybody who can be measured on this machine, and in a line each who cannot. */
import { buildElector } from "../test/support/go-program.ts";
import { bare, clientGo, type Contestant, native, node, ourLibrary } from "./contestant.ts";
import { hasLibrary } from "./contestants/library.ts";

export interface Field {
  readonly contestants: readonly Contestant[];
  /** One line for each that is left out: who, and how to get it. */
  readonly leftOut: readonly string[];
}

export async function gatherContestants(say: (line: string) => void): Promise<Field> {
  const built = await buildElector(say);
  const leftOut = [
    ...(native === undefined ? ["native file left out: `npm run build:native`"] : []),
    ...(hasLibrary() ? [] : ["library left out: the package exports none yet"]),
    ...(built.path === undefined ? [`client-go left out: ${built.reason}`] : []),
  ];
  const contestants = [
    ...(native === undefined ? [] : [native]),
    node,
    ...(hasLibrary() ? [ourLibrary] : []),
    ...(built.path === undefined ? [] : [clientGo(built.path, true), clientGo(built.path, false)]),
    bare,
  ];
  return { contestants, leftOut };
}
