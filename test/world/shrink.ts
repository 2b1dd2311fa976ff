/** Which strikes a failing run needs: the rest of its story only distracts. */
import type { Profile } from "./profiles.ts";
import { run, type RunResult } from "./run.ts";

export interface Shrunk {
  readonly without: ReadonlySet<number>;
  readonly result: RunResult;
}

/** Leaves out strike after strike, as long as the same rule is still broken. */
export function shrink(seed: number, profile: Profile): Shrunk {
  let result = run({ seed, profile });
  const rule = result.violations[0]?.rule;
  let without: ReadonlySet<number> = new Set();
  for (const { number } of result.strikes.toReversed()) {
    const fewer = new Set([...without, number]);
    const again = run({ seed, profile, without: fewer });
    if (!again.violations.some((violation) => violation.rule === rule)) continue;
    without = fewer;
    result = again;
  }
  return { without, result };
}
