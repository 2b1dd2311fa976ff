/** Mistakes in what the Node host does: each falls to a test with real clocks, files or processes. */
import { commandMutants } from "./host-command.ts";
import { edgeMutants } from "./host-edges.ts";
import { probeMutants } from "./host-probe.ts";
import type { Mutant } from "./mutant.ts";

export const hostMutants: readonly Mutant[] = [...commandMutants, ...edgeMutants, ...probeMutants];
