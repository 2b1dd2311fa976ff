/** Which worlds there are: who takes part, and how far their clocks may differ. */
import { clockDrift } from "../../src/core/timing.ts";

export interface Profile {
  readonly about: string;
  /** How much faster one node's clock may be than another's. */
  readonly drift: number;
  /** client-go electors beside ours. */
  readonly goPeers: number;
  /** What must be found in such a world, or nothing may. */
  readonly expects: "nothing" | "overlaps";
}

export const profiles: Readonly<Record<string, Profile>> = {
  contract: {
    about: "our electors alone, every fault, clocks within ρ",
    drift: clockDrift,
    goPeers: 0,
    expects: "nothing",
  },
  mixed: {
    about:
      "a rollout from or to client-go: ours beside one or two of theirs, whose answers are prompt",
    drift: clockDrift,
    goPeers: 2,
    expects: "nothing",
  },
  drift: {
    about: "clocks far beyond ρ, to see that an overlap shows",
    drift: 0.9,
    goPeers: 0,
    expects: "overlaps",
  },
};

/** @throws Error when there is no such profile. */
export function profileNamed(name: string): Profile {
  const profile = profiles[name];
  if (profile !== undefined) return profile;
  throw new Error(
    `no profile ${JSON.stringify(name)}: there are ${Object.keys(profiles).join(", ")}`,
  );
}
