/**
 * Mistakes that fall to a test of their own: what the Node host does, with real clocks, files or
 * processes, and what the program tells.
 */
import { commandMutants } from "./host-command.ts";
import { edgeMutants } from "./host-edges.ts";
import { probeMutants } from "./host-probe.ts";
import type { Mutant } from "./mutant.ts";
import { tellerMutants } from "./tellers.ts";

export const hostMutants: readonly Mutant[] = [
  ...commandMutants,
  ...edgeMutants,
  ...probeMutants,
  ...tellerMutants,
];
