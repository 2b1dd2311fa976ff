/** Who leads, as the election knows it: the record of the Lease, or our own term. */
import type { Election } from "../../core/election.ts";

export interface View {
  /** Empty while nobody leads. */
  readonly holder: string;
  /** When the holder's term began, by the holder's own clock: for humans. */
  readonly acquireTime: string | undefined;
  readonly isSelf: boolean;
}

const nobody: View = { holder: "", acquireTime: undefined, isSelf: false };

/** Undefined until the Lease was looked at, anew where nobody had looked for a while. */
export function viewOf({ phase, memory: { sighting }, settings }: Election): View | undefined {
  if (phase.name === "leading" || phase.name === "releasing") {
    return { holder: settings.self.identity, acquireTime: phase.term.acquireTime, isSelf: true };
  }
  if (phase.name === "candidate" && phase.unsettled) return undefined;
  if (sighting?.kind === "absent") return nobody;
  if (sighting === undefined) return undefined;
  const { holder, acquireTime } = sighting.lease;
  if (holder === "") return nobody;
  return { holder, acquireTime, isSelf: sighting.standing === "own" };
}
