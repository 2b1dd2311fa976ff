/** What an election costs while nothing happens: the machine, and the API server. */
import { setTimeout as pause } from "node:timers/promises";
import type { AuditedRequest } from "../../test/cluster/audit.ts";
import { nowMs } from "../../test/faults/series-group.ts";
import { overlapsMs } from "../../test/hosts/oracle.ts";
import { openProxy } from "../../test/support/proxy.ts";
import type { Round } from "../results.ts";
import type { Part, Scenario } from "../scenario.ts";
import { type Member, Team, untilEnded } from "../team.ts";
import { fileBytes, memoryOf, processorMs, threadsOf } from "../usage.ts";

/** A start is not idleness: what it allocated and opened is still being put in order. */
const calmMs = 10_000;

/** A command that costs nothing itself. */
const sleeper = ["sleep", "3600"] as const;

export function idle(windowMs: number): Scenario {
  return {
    name: "idle",
    about:
      `Three replicas for ${windowMs / 1000} s in which nothing happens: memory, threads and processor time ` +
      "as the kernel counts them (without the command's), requests as kube-apiserver's audit log has them.",
    lane: "together",
    rounds: { full: 2, quick: 1 },
    play: (part) => playIdle(part, windowMs),
  };
}

async function playIdle(part: Part, windowMs: number): Promise<Round> {
  const options = { ...part, command: sleeper, hasPods: true, isApart: true };
  const team = await Team.open(part.scope, part.stage, options);
  const leader = await team.startSettled(3);
  await pause(calmMs);
  await part.rendezvous.meet();
  const fromMs = Date.now();
  const before = new Map(team.members.map(({ bin }) => [bin.pid, processorMs(bin.pid)]));
  await pause(windowMs);
  const minutes = (Date.now() - fromMs) / 60_000;
  const all = await part.stage.audit.requests(team.room.namespace);
  const asked = all.filter(({ atMs }) => atMs >= fromMs);
  if (team.runs.length !== 1) throw new Error("Cannot call it idle: the leader has changed.");
  const figures: Record<string, number[]> = {};
  for (const member of team.members) {
    const { pid } = member.bin;
    const { rssBytes, pssBytes, anonymousBytes } = memoryOf(pid);
    const role = member === leader ? "leader" : "follower";
    const own = {
      "RSS, B": rssBytes,
      "PSS, B": pssBytes,
      "anonymous, B": anonymousBytes,
      "threads, count": threadsOf(pid).length,
      [`${role}: processor time a minute, ms`]:
        (processorMs(pid) - (before.get(pid) ?? 0)) / minutes,
      ...requestsOf(asked, member, role, minutes),
    };
    for (const [name, value] of Object.entries(own)) (figures[name] ??= []).push(value);
  }
  const { file } = part.contestant;
  return { figures: { ...figures, ...(file && { "file, B": [fileBytes(file)] }) } };
}

function requestsOf(
  asked: readonly AuditedRequest[],
  { identity }: Member,
  role: string,
  minutes: number,
): Readonly<Record<string, number>> {
  const own = asked.filter(({ pod }) => pod === identity);
  const perMinute = (isCounted: (verb: string) => boolean): number =>
    own.filter(({ verb }) => isCounted(verb)).length / minutes;
  return {
    [`${role}: writes a minute, count`]: perMinute((verb) => verb === "update"),
    [`${role}: reads a minute, count`]: perMinute((verb) => verb === "get" || verb === "list"),
    [`${role}: watches opened a minute, count`]: perMinute((verb) => verb === "watch"),
  };
}

/** Long enough for five renewals at P = 2 s. */
const crowdWindowMs = 10_000;

const crowdHandovers = 3;

export const crowds: readonly Scenario[] = [3, 10, 100].map((size) => ({
  name: `${size} candidates`,
  about:
    `${size} candidates for one Lease: what they ask together while nothing happens (bytes above TLS's ` +
    "own included), and the hand-over by SIGTERM among so many.",
  // So many starts at once would be measured by everybody.
  lane: size === 100 ? "alone" : "turns",
  rounds: { full: 1, quick: size === 10 ? 1 : 0 },
  // Without a release only the wait differs, which the crash shows.
  takes: ({ kind, isSlow }) => kind !== "yardstick" && isSlow !== true,
  play: (part) => playCrowd(part, size),
}));

async function playCrowd(part: Part, size: number): Promise<Round> {
  const server = await openProxy(part.stage.plane);
  part.scope.after(() => server.close());
  const team = await Team.open(part.scope, part.stage, { ...part, server, isApart: true });
  await team.startSettled(size);
  await pause(part.profile.retryMs);
  const fromMs = Date.now();
  const [askedBefore, answeredBefore] = [server.askedBytes, server.answeredBytes];
  await pause(crowdWindowMs);
  const seconds = (Date.now() - fromMs) / 1000;
  const bytes = server.askedBytes - askedBefore + server.answeredBytes - answeredBefore;
  const all = await part.stage.audit.requests(team.room.namespace);
  const asked = all.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + 1000 * seconds);
  const figures: Record<string, number[]> = {
    "requests a second, count": [asked.length / seconds],
    "traffic a second, B": [bytes / seconds],
    "SIGTERM → next command, ms": [],
  };
  for (let left = 1; left <= Math.min(crowdHandovers, size - 1); left += 1) {
    const { member } = await team.untilRuns(left);
    const tookMs = await part.turn(async () => {
      const signalledAtMs = nowMs();
      member.bin.signal("SIGTERM");
      return (await team.untilRuns(left + 1)).atMs - signalledAtMs;
    });
    figures["SIGTERM → next command, ms"]?.push(tookMs);
    await untilEnded(member);
    await team.untilFollowed((await team.untilRuns(left + 1)).member);
  }
  return { figures, overlapsMs: overlapsMs(team.journal) };
}
