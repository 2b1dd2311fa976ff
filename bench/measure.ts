/** What the oracle's journal and the first lines of the commands say about a team. */
import { nowMs } from "../test/faults/series-group.ts";
import { type Entry, journalOf, overlapsMs } from "../test/hosts/oracle.ts";
import type { Round } from "./results.ts";
import type { Member, Run, Team } from "./team.ts";

/** The last sign of life of a command, to one beat (5 ms). */
export function lastBeatMs(team: Team, run: Run): number {
  return entriesOf(team, run).at(-1)?.atMs ?? run.atMs;
}

export function entriesOf({ journal }: Team, { pid }: Run): readonly Entry[] {
  return journalOf(journal).filter((entry) => entry.pid === pid);
}

/** From the last sign of life of each command to the next one; nothing where they overlap. */
export function gapsMs(team: Team, from: number = 0): readonly number[] {
  return team.runs.slice(from + 1).map((run, at) => {
    const before = team.runs[from + at];
    return before === undefined ? 0 : Math.max(0, run.atMs - lastBeatMs(team, before));
  });
}

/** What every round tells that disturbs the first command and waits for the second. */
export async function takenOver(team: Team, what: string, atMs: number): Promise<Round> {
  const next = await team.untilRuns(2);
  return tellTakeover(team, what, atMs, next);
}

export function tellTakeover(team: Team, what: string, atMs: number, next: Run): Round {
  const [first] = team.runs;
  if (first === undefined) throw new Error("Cannot tell of a takeover: nothing ever ran.");
  return {
    overlapsMs: overlapsMs(team.journal),
    figures: {
      [`${what} → next command, ms`]: [next.atMs - atMs],
      [`${what} → end of the command, ms`]: [lastBeatMs(team, first) - atMs],
      "leaderless, ms": gapsMs(team).slice(0, 1),
    },
  };
}

/** From the last renewal of a member, by its own account, to an instant. */
export function sinceRenewalMs({ view }: Team, { identity }: Member, atMs: number): number {
  const sight = view.sights.findLast(({ holder }) => holder === identity);
  if (sight === undefined) throw new Error(`Cannot find a renewal of ${identity}.`);
  return atMs - sight.renewedAtMs;
}

/** Waits until the command of a run has been silent for long enough to be over. */
export async function untilSilent(team: Team, run: Run, limitMs: number): Promise<void> {
  const silenceMs = 250;
  const endMs = nowMs() + limitMs;
  while (nowMs() < endMs) {
    if (nowMs() - lastBeatMs(team, run) > silenceMs) return;
    await new Promise((resolve) => setTimeout(resolve, silenceMs / 2));
  }
  throw new Error(`Cannot wait any longer for the end of command ${run.pid}: ${limitMs} ms.`);
}
