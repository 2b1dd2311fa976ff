/** All mutants by name. */
import { coreMutants } from "./core.ts";
import { hostMutants } from "./host.ts";
import type { Mutant } from "./mutant.ts";

export const catalogue: readonly Mutant[] = [...coreMutants, ...hostMutants];

/** @throws Error when there is no such mutant. */
export function mutantNamed(name: string): Mutant {
  const found = catalogue.filter((mutant) => mutant.name === name);
  const [mutant] = found;
  if (mutant === undefined || found.length > 1) {
    throw new Error(
      `Cannot find the mutant ${JSON.stringify(name)}: ${found.length} have the name`,
    );
  }
  return mutant;
}
