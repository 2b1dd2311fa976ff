/** Processes that stand still, as on a machine that is suspended or short of everything. */
import { setTimeout as pause } from "node:timers/promises";
import { nowMs } from "../../test/faults/series-group.ts";
import { overlapsMs } from "../../test/hosts/oracle.ts";
import { entriesOf, lastBeatMs, untilSilent } from "../measure.ts";
import type { Round } from "../results.ts";
import type { Part, Scenario } from "../scenario.ts";
import { type Member, Team } from "../team.ts";

/** Of D: longer than any elector waits. */
const length = 1.7;

export const leaderFrozen: Scenario = {
  name: "leader frozen",
  about:
    "The leader and its command stand still (SIGSTOP) for 1.7 D and are woken; meanwhile a follower takes " +
    "over. An overlap counts from the old command's first beat after waking.",
  lane: "beside",
  rounds: { full: 5, quick: 0 },
  play: (part) => playFrozen(part, (_team, leader) => [leader]),
};

export const allFrozen: Scenario = {
  name: "all frozen",
  about: "All replicas and their commands stand still for 1.7 D and are woken in any order.",
  lane: "beside",
  rounds: { full: 5, quick: 0 },
  play: (part) => playFrozen(part, (team) => team.members),
};

async function playFrozen(
  part: Part,
  choose: (team: Team, leader: Member) => readonly Member[],
): Promise<Round> {
  const team = await Team.open(part.scope, part.stage, { ...part, oracle: { deaf: true } });
  const leader = await team.startSettled(3);
  const pids = choose(team, leader).flatMap((member) => team.processesOf(member));
  const [first] = team.runs;
  if (first === undefined) throw new Error("Cannot freeze a command: none runs.");
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  await pause(length * part.profile.leaseMs);
  const wokenAtMs = nowMs();
  for (const pid of shuffled(pids)) wake(pid);
  // Some leaders renew before anybody else has claimed, and their command runs on.
  const next = await team
    .untilRuns(2, part.profile.leaseMs + 4 * part.profile.retryMs)
    .catch(() => undefined);
  if (next === undefined) {
    return {
      figures: {},
      overlapsMs: overlapsMs(team.journal),
      counts: { "the old command ran on": 1 },
    };
  }
  await untilSilent(team, first, team.slackMs);
  const woken = entriesOf(team, first).find(({ atMs }) => atMs >= wokenAtMs)?.atMs ?? wokenAtMs;
  return {
    overlapsMs: overlapsMs(team.journal, woken).filter((ms) => ms > 0),
    figures: {
      "woken → end of the old command, ms": [Math.max(0, lastBeatMs(team, first) - woken)],
      ...(next.atMs > wokenAtMs && { "woken → next command, ms": [next.atMs - wokenAtMs] }),
    },
    counts: { "the old command ran on": 0 },
  };
}

/** A process may have ended since, by what another did when it woke. */
function wake(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function shuffled<T>(all: readonly T[]): readonly T[] {
  return all
    .map((one) => ({ one, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ one }) => one);
}
