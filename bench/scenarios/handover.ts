/** A leader that leaves: when the next command runs. */
import { setTimeout as pause } from "node:timers/promises";
import { nowMs } from "../../test/faults/series-group.ts";
import { overlapsMs } from "../../test/hosts/oracle.ts";
import { entriesOf, gapsMs, lastBeatMs, sinceRenewalMs } from "../measure.ts";
import type { Round } from "../results.ts";
import { atOnce, type Part, type Scenario, variantOf } from "../scenario.ts";
import { type Run, Team, untilEnded } from "../team.ts";

/** Of a command that ends by itself. */
const code = 7;

/** Hand-overs in one round, where none takes an expiry. */
const times = 4;

export const startUp: Scenario = {
  name: "start-up",
  about: "From the start of the process to the first line of its command, with no Lease there yet.",
  lane: "turns",
  rounds: { full: 25, quick: 4 },
  takes: () => true,
  async play(part) {
    const team = await Team.open(part.scope, part.stage, { ...part, turn: atOnce });
    const tookMs = await part.turn(async () => {
      await team.startSeveral(1, { isSilent: true });
      const { atMs, member } = await team.untilRuns(1);
      return atMs - member.startedAtMs;
    });
    return { figures: { "exec → command, ms": [tookMs] } };
  },
};

export const sigterm: Scenario = {
  name: "SIGTERM",
  about:
    "The leader of three gets SIGTERM; its command stops as soon as it is told. A new replica takes its " +
    "place each time.",
  lane: "turns",
  rounds: { full: 6, quick: 1 },
  play: (part) => playLeaving(part, tellSigterm),
};

export const commandExit: Scenario = {
  name: "command exit",
  about: `The command of the leader of three ends by itself, with code ${code}.`,
  lane: "turns",
  rounds: { full: 4, quick: 1 },
  play: (part) => playLeaving(part, tellExit),
};

/** One hand-over: what was measured of it. */
type Leave = (team: Team, run: Run) => Promise<Pick<Round, "figures" | "counts">>;

async function playLeaving(part: Part, leave: Leave): Promise<Round> {
  const team = await Team.open(part.scope, part.stage, { ...part, oracle: { code } });
  await team.startSettled(3);
  const rounds: Pick<Round, "figures" | "counts">[] = [];
  for (let left = 1; left <= (part.contestant.isSlow ? 1 : times); left += 1) {
    const run = await team.untilRuns(left);
    await pause(Math.random() * part.profile.retryMs);
    rounds.push(await part.turn(() => leave(team, run)));
    await team.start();
    const { member } = await team.untilRuns(left + 1);
    await team.untilFollowed(member);
  }
  return { ...merged(rounds), overlapsMs: overlapsMs(team.journal) };
}

async function tellSigterm(team: Team, run: Run): Promise<Pick<Round, "figures" | "counts">> {
  const signalledAtMs = nowMs();
  run.member.bin.signal("SIGTERM");
  const next = await team.untilRuns(team.runs.length + 1);
  const endedAtMs = await untilEnded(run.member);
  const told = entriesOf(team, run).find(({ what }) => what === "term");
  const lastMs = lastBeatMs(team, run);
  return {
    figures: {
      "SIGTERM → next command, ms": [next.atMs - signalledAtMs],
      "end of the command → next, ms": [next.atMs - lastMs],
      ...(told && { "SIGTERM → the command has it, ms": [told.atMs - signalledAtMs] }),
    },
    counts: {
      "hand-overs": 1,
      "command outlived its wrapper": Number(lastMs > endedAtMs + 10),
      "command was told by SIGTERM": Number(told !== undefined),
    },
  };
}

async function tellExit(team: Team, run: Run): Promise<Pick<Round, "figures" | "counts">> {
  process.kill(run.pid, "SIGTERM");
  const next = await team.untilRuns(team.runs.length + 1);
  await untilEnded(run.member);
  return {
    figures: { "end of the command → next, ms": [next.atMs - lastBeatMs(team, run)] },
    counts: {
      "hand-overs": 1,
      "exit code not passed on": Number(run.member.bin.child.exitCode !== code),
    },
  };
}

const sizes = [2, 3, 5] as const;

export const crash: Scenario = {
  name: "crash",
  about:
    "The leader and its command are killed at once, of 2, 3 or 5 replicas. It counts from the last " +
    "renewal, by the record's own renewTime, which is when the wait of the others can begin.",
  lane: "beside",
  rounds: { full: 12, quick: 1 },
  async play(part) {
    const team = await Team.open(part.scope, part.stage, part);
    const count = variantOf(sizes, part.round);
    const leader = await team.startSettled(count);
    const crashedAtMs = nowMs();
    team.crash(leader);
    const next = await team.untilRuns(2);
    return {
      overlapsMs: overlapsMs(team.journal),
      figures: {
        "last renewal → next command, ms": [sinceRenewalMs(team, leader, next.atMs)],
        [`crash → next command, ms`]: [next.atMs - crashedAtMs],
      },
    };
  },
};

export const rollout: Scenario = {
  name: "rolling restart",
  about:
    "Three replicas are replaced one after the other: a new one has joined before an old one gets " +
    "SIGTERM. What counts is how long nobody led in all.",
  lane: "turns",
  rounds: { full: 4, quick: 1 },
  async play(part) {
    const team = await Team.open(part.scope, part.stage, part);
    await team.startSettled(3);
    for (const old of team.members.slice()) {
      const fresh = await team.start();
      const leader = team.runs.at(-1)?.member;
      const isLeader = leader === old;
      if (leader !== undefined) {
        await team.untilTold([fresh], part.contestant.follows(leader.identity));
      }
      const known = team.runs.length;
      const next = await part.turn(async () => {
        old.bin.signal("SIGTERM");
        await untilEnded(old);
        return isLeader ? team.untilRuns(known + 1) : undefined;
      });
      if (next !== undefined) await team.untilFollowed(next.member);
    }
    const gaps = gapsMs(team);
    return {
      overlapsMs: overlapsMs(team.journal),
      figures: { "leaderless in all, ms": [gaps.reduce((sum, gap) => sum + gap, 0)] },
      counts: { "changes of the leader": team.runs.length - 1 },
    };
  },
};

function merged(rounds: readonly Pick<Round, "figures" | "counts">[]): Round {
  const figures: Record<string, number[]> = {};
  const counts: Record<string, number> = {};
  for (const round of rounds) {
    for (const [name, values] of Object.entries(round.figures)) {
      (figures[name] ??= []).push(...values);
    }
    for (const [name, count] of Object.entries(round.counts ?? {})) {
      counts[name] = (counts[name] ?? 0) + count;
    }
  }
  return { figures, counts };
}
