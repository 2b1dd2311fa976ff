/** What happens to the leader's way to the API server. */
import { setTimeout as pause } from "node:timers/promises";
import { nowMs } from "../../test/faults/series-group.ts";
import { takenOver, tellTakeover, untilSilent } from "../measure.ts";
import { overlapsMs } from "../../test/hosts/oracle.ts";
import type { Profile } from "../profile.ts";
import type { Round } from "../results.ts";
import { type Part, type Scenario, variantOf } from "../scenario.ts";
import { type Member, Team, Void } from "../team.ts";

/** Its command ignores SIGTERM, so that it runs for as long as it is let: the worst case for an overlap. */
const deaf = { deaf: true };

async function settled(part: Part): Promise<{ team: Team; leader: Member }> {
  const team = await Team.open(part.scope, part.stage, { ...part, oracle: deaf });
  return { team, leader: await team.startSettled(3, { isProxied: true }) };
}

/** Waits until the first command is over as well, however late. */
async function untilReplaced(team: Team, leader: Member): Promise<void> {
  const { member } = await team.untilRuns(2);
  if (member === leader) throw new Void("the leader that was cut off leads again");
  const [first] = team.runs;
  if (first !== undefined) await untilSilent(team, first, team.slackMs);
}

export const blackHole: Scenario = {
  name: "black hole",
  about:
    "Between the leader and the API server no byte passes any more, and no connection is closed. " +
    "The command ignores SIGTERM.",
  lane: "beside",
  rounds: { full: 8, quick: 1 },
  async play(part) {
    const { team, leader } = await settled(part);
    const cutAtMs = nowMs();
    team.proxyOf(leader).cut();
    await untilReplaced(team, leader);
    return takenOver(team, "cut", cutAtMs);
  },
};

export const healed: Scenario = {
  name: "black hole, healed",
  about:
    "As the black hole, but everything held back arrives 0.8 to 1.6 D later. A Lease that the old " +
    "leader then takes from its successor is wiped.",
  lane: "beside",
  rounds: { full: 8, quick: 1 },
  async play(part) {
    const { leaseMs, retryMs } = part.profile;
    const { team, leader } = await settled(part);
    const cutAtMs = nowMs();
    team.proxyOf(leader).cut();
    await pause((0.8 + 0.8 * Math.random()) * leaseMs);
    await team.proxyOf(leader).heal();
    const healedAtMs = nowMs();
    const next = await team.untilRuns(2);
    // Whatever of the old leader's arrives late has arrived by then.
    await pause(Math.max(0, healedAtMs + 3 * retryMs - nowMs()));
    const round = tellTakeover(team, "cut", cutAtMs, next);
    const isWiped = team.view.sights.some(
      ({ holder, atMs }) => holder !== next.member.identity && atMs > next.atMs,
    );
    return { ...round, counts: { "foreign Lease wiped": Number(isWiped) } };
  },
};

export const broken: Scenario = {
  name: "connections reset",
  about:
    "Every connection of the leader is reset, and each new one as well; in every second round new ones " +
    "are refused.",
  lane: "beside",
  rounds: { full: 6, quick: 1 },
  async play(part) {
    const { team, leader } = await settled(part);
    const resetAtMs = nowMs();
    if (part.round % 2 === 0) team.proxyOf(leader).reset();
    else team.proxyOf(leader).refuse();
    await untilReplaced(team, leader);
    return takenOver(team, "reset", resetAtMs);
  },
};

export const late: Scenario = {
  name: "late answers, then a black hole",
  about:
    "The answers to the leader take 0.95 R, as from a server at its limits; within the next two P " +
    "nothing comes through any more.",
  lane: "beside",
  rounds: { full: 5, quick: 0 },
  async play(part) {
    const { renewDeadlineMs, retryMs } = part.profile;
    const { team, leader } = await settled(part);
    const proxy = team.proxyOf(leader);
    proxy.delay({ answers: 0.95 * renewDeadlineMs });
    await pause(retryMs * (1 + Math.random()));
    const cutAtMs = nowMs();
    proxy.cut();
    await untilReplaced(team, leader);
    return takenOver(team, "cut", cutAtMs);
  },
};

/** Of what a leader of ours survives by the rules (L4). */
const outages = [1, 0.6, 1.2, 0.8, 1.5] as const;

/** G − P − 0.5 s: 8.1 s at 15/10/2. */
function toleranceMs({ timing, retryMs }: Profile): number {
  return timing.stopMs - retryMs - 500;
}

export const outage: Scenario = {
  name: "outage",
  about:
    "A black hole between all replicas and the API server for 0.6 to 1.5 times G − P − 0.5 s (which is 8.1 s " +
    "and 0.7 s), then all is well again. What counts is whether the command ran through.",
  lane: "beside",
  rounds: { full: 5, quick: 1 },
  async play(part) {
    const { retryMs } = part.profile;
    const { team, leader } = await settled(part);
    const lengthMs = Math.ceil(variantOf(outages, part.round) * toleranceMs(part.profile));
    const proxies = team.members.map((member) => team.proxyOf(member));
    const takenBefore = team.proxyOf(leader).taken;
    for (const proxy of proxies) proxy.cut();
    await pause(lengthMs);
    const sockets = team.proxyOf(leader).taken - takenBefore;
    await Promise.all(proxies.map((proxy) => proxy.heal()));
    await team.view.untilRenewed(1, team.slackMs);
    await pause(2 * retryMs);
    const isThrough = team.runs.length === 1 && !leader.bin.hasEnded();
    const length = isThrough ? "outage survived, ms" : "outage not survived, ms";
    return {
      overlapsMs: overlapsMs(team.journal),
      figures: { [length]: [lengthMs], "connections tried by the leader, count": [sockets] },
      counts: { survived: Number(isThrough) },
    };
  },
};

/** Medians, in ms; a delay is as likely to be twice as long as half as long. */
const slowness = [200, 1000, 3000] as const;

export const slow: readonly Scenario[] = slowness.map((p50Ms) => ({
  name: `slow API, p50 ${p50Ms} ms`,
  about:
    `Whatever any replica asks is answered after about ${p50Ms} ms (half to twice as long) for 2 D; ` +
    "then the leader gets SIGTERM.",
  lane: "beside",
  rounds: { full: 3, quick: p50Ms === 200 ? 1 : 0 },
  play: (part) => playSlow(part, p50Ms),
}));

async function playSlow(part: Part, p50Ms: number): Promise<Round> {
  const { leaseMs } = part.profile;
  const team = await Team.open(part.scope, part.stage, part);
  const leader = await team.startSettled(3, { isProxied: true });
  const timer = setInterval(() => {
    for (const member of team.members) {
      const delayMs = p50Ms * 2 ** (2 * Math.random() - 1);
      team.proxyOf(member).delay({ answers: delayMs });
    }
  }, 250);
  part.scope.after(() => clearInterval(timer));
  await pause(2 * leaseMs);
  const lost = team.runs.length - 1;
  const holder = team.runs.at(-1)?.member ?? leader;
  const known = team.runs.length;
  const signalledAtMs = nowMs();
  holder.bin.signal("SIGTERM");
  const next = await team.untilRuns(known + 1).catch(() => undefined);
  return {
    overlapsMs: overlapsMs(team.journal),
    figures: next ? { "SIGTERM → next command, ms": [next.atMs - signalledAtMs] } : {},
    counts: { "terms lost in 2 D": lost, "nobody leads afterwards": Number(next === undefined) },
  };
}
