/**
 * Figures of real processes in front of a real kube-apiserver: three replicas, each behind a proxy of
 * its own, and what is done to the leader, its Lease or all of them, again and again.
 *
 * The numbers of rounds come from the environment: `PARTITION_ROUNDS`, `DEFAULT_ROUNDS`, `HEAL_ROUNDS`,
 * `RESET_ROUNDS`, `LATE_ROUNDS`, `DELETION_ROUNDS`, `FREEZE_ROUNDS`, `REACTION_ROUNDS`; 0 leaves one out.
 * `AT_ONCE` is how many rounds are played at the same time.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type ControlPlane, startControlPlane } from "../cluster/control-plane.ts";
import { untilFollows } from "../cluster/replicas.ts";
import { until } from "../cluster/until.ts";
import { overlapsMs } from "../hosts/oracle.ts";
import { playSeries } from "./series.ts";
import {
  type Durations,
  type Group,
  isWhole,
  lossesOf,
  nowMs,
  processesOf,
  roundOf,
  startGroup,
  termsOf,
  untilRenewals,
} from "./series-group.ts";

const quick: Durations = { leaseSeconds: 5, renewSeconds: 3, retrySeconds: 1 };
const usual: Durations = { leaseSeconds: 15, renewSeconds: 10, retrySeconds: 2 };

const atOnce = countOf("AT_ONCE", 8);
/** For latencies: more at a time would measure each other. */
const fewAtOnce = Math.min(2, atOnce);

/** Beyond D, whatever was done: what a series may wait for the next command. */
const slackMs = 30_000;

/** For two commands at the same time, where no rule can exclude them (contract §7). */
const hardLimitMs = 100;

describe("series on a real kube-apiserver", () => {
  let plane: ControlPlane;
  before(async () => {
    plane = await startControlPlane();
  });
  after(() => plane?.close());

  for (const { profile, rounds, durations } of [
    { profile: "5/3/1", rounds: countOf("PARTITION_ROUNDS", 200), durations: quick },
    { profile: "15/10/2", rounds: countOf("DEFAULT_ROUNDS", 20), durations: usual },
  ]) {
    const name = `silent partition at ${profile}`;
    it(`N1 ${name}`, { concurrency: atOnce, skip: rounds === 0 }, async (t) => {
      const { overlaps } = await playSeries(t, { name, rounds }, async (t) => {
        const group = await startGroup(t, plane, { durations });
        if (group === undefined) return undefined;
        const cutAt = nowMs();
        group.proxyOf(group.leader).cut();
        await untilTakenOver(group, durations);
        return roundOf(group.deployment, "cut", cutAt);
      });
      assert.equal(overlaps, 0);
    });
  }

  it("N4 heal 0.8 to 1.6 D after the cut", series("HEAL_ROUNDS", 60), async (t) => {
    const rounds = countOf("HEAL_ROUNDS", 60);
    const { overlaps } = await playSeries(t, { name: "healed partition", rounds }, async (t) => {
      const group = await startGroup(t, plane, { durations: quick });
      if (group === undefined) return undefined;
      const { deployment, leader, replicas } = group;
      const cutAt = nowMs();
      const told = leader.bin.log.all.length;
      group.proxyOf(leader).cut();
      await pause((0.8 + 0.8 * Math.random()) * 1000 * quick.leaseSeconds);
      await group.proxyOf(leader).heal();
      const next = await deployment.untilStarts(2, slackMs);
      if (next !== leader) {
        await leader.bin.log.first(new RegExp(`the leader is "${next.identity}"`), told);
      }
      // Whatever of the old leader's arrives late has arrived by then.
      await untilRenewals(deployment, 3);
      assert.doesNotMatch(deployment.logs(), /its holder was removed/, "a Lease is never wiped");
      assert.deepEqual(overlapsMs(deployment.journal), []);
      // The cut costs one term; the machine was too busy for another.
      if (lossesOf(replicas) > 1) return undefined;
      assert.equal(await deployment.operator.holder(), next.identity);
      assert.equal(termsOf(deployment).length, 2);
      assert.ok(replicas.every(({ bin }) => !bin.hasEnded()));
      return roundOf(deployment, "cut", cutAt);
    });
    assert.equal(overlaps, 0);
  });

  it("N2 connections reset and refused", series("RESET_ROUNDS", 40), async (t) => {
    const rounds = countOf("RESET_ROUNDS", 40);
    const name = "connections reset or refused";
    const { overlaps } = await playSeries(t, { name, rounds }, async (t, round) => {
      const group = await startGroup(t, plane, { durations: quick });
      if (group === undefined) return undefined;
      const resetAt = nowMs();
      if (round % 2 === 0) group.proxyOf(group.leader).reset();
      else group.proxyOf(group.leader).refuse();
      await untilTakenOver(group, quick);
      return roundOf(group.deployment, "reset", resetAt);
    });
    assert.equal(overlaps, 0);
  });

  it("N5 answers late, and then a black hole", series("LATE_ROUNDS", 40), async (t) => {
    const rounds = countOf("LATE_ROUNDS", 40);
    const name = "answers late, then a black hole";
    const { overlaps } = await playSeries(t, { name, rounds }, async (t, round) => {
      const group = await startGroup(t, plane, { durations: quick });
      if (group === undefined) return undefined;
      const proxy = group.proxyOf(group.leader);
      // Half of them so late that no renewal is confirmed any more, half so that every one is.
      proxy.delay({ answers: round % 2 === 0 ? 450 : 950 * quick.renewSeconds });
      await pause(1000 * quick.retrySeconds * (1 + Math.random()));
      if (!isWhole(group)) return undefined;
      const cutAt = nowMs();
      proxy.cut();
      await untilTakenOver(group, quick);
      return roundOf(group.deployment, "cut", cutAt);
    });
    assert.equal(overlaps, 0);
  });

  for (const followers of [0, 1, 2, 4]) {
    const name = `Lease deleted with ${followers} followers`;
    it(`O1 ${name}`, series("DELETION_ROUNDS", 24), async (t) => {
      const rounds = countOf("DELETION_ROUNDS", 24);
      const { overlaps } = await playSeries(t, { name, rounds }, async (t) => {
        const group = await startGroup(t, plane, { durations: quick, followers });
        if (group === undefined) return undefined;
        const { deployment } = group;
        await deployment.operator.deleteLease();
        const deletedAt = nowMs();
        await deployment.untilStarts(2, slackMs);
        await untilRenewals(deployment, 1);
        return roundOf(deployment, "deleted", deletedAt);
      });
      assert.equal(overlaps, 0);
    });
  }

  it(
    "O1 Lease deleted as a process asks that never saw it",
    series("DELETION_ROUNDS", 24),
    async (t) => {
      const rounds = countOf("DELETION_ROUNDS", 24);
      const name = "Lease deleted as a fresh process asks";
      const { overlapMaxMs } = await playSeries(t, { name, rounds }, async (t) => {
        const group = await startGroup(t, plane, { durations: quick });
        if (group === undefined) return undefined;
        const fresh = group.proxyOf(await group.join());
        await until("its connection", () => (fresh.taken > 0 ? true : undefined));
        if (!isWhole(group)) return undefined;
        await group.deployment.operator.deleteLease();
        const deletedAt = nowMs();
        await fresh.heal();
        await group.deployment.untilStarts(2, slackMs);
        await untilRenewals(group.deployment, 1);
        return roundOf(group.deployment, "deleted", deletedAt);
      });
      assert.ok(overlapMaxMs <= hardLimitMs, `two commands for ${overlapMaxMs} ms`);
    },
  );

  it("C2 all replicas frozen for 1.7 D", series("FREEZE_ROUNDS", 60), async (t) => {
    const rounds = countOf("FREEZE_ROUNDS", 60);
    const { overlapMaxMs } = await playSeries(t, { name: "all frozen", rounds }, async (t) => {
      const group = await startGroup(t, plane, { durations: quick });
      if (group === undefined) return undefined;
      const { deployment, replicas } = group;
      const all = shuffled(processesOf(replicas));
      for (const pid of all) process.kill(pid, "SIGSTOP");
      await pause(1700 * quick.leaseSeconds);
      const resumedAt = nowMs();
      for (const pid of all) resume(pid);
      await deployment.untilStarts(2, slackMs);
      await untilRenewals(deployment, 2);
      const [first = [], second = []] = termsOf(deployment);
      // What was killed before it was scheduled even once wrote nothing.
      const late = first.filter(({ atMs }) => atMs >= resumedAt);
      const [woken, last] = [late[0]?.atMs ?? resumedAt, late.at(-1)?.atMs ?? resumedAt];
      return {
        overlapsMs: overlapsMs(deployment.journal, woken),
        figures: {
          "resumed to the last beat of the command": last - resumedAt,
          "its first beat to its last": last - woken,
          "resumed to the next command": second[0]!.atMs - resumedAt,
        },
      };
    });
    assert.ok(overlapMaxMs <= hardLimitMs, `two commands for ${overlapMaxMs} ms`);
  });

  it("O2 a foreign holder is written into the Lease", {
    ...series("REACTION_ROUNDS", 60),
    concurrency: fewAtOnce,
  }, async (t) => {
    const rounds = countOf("REACTION_ROUNDS", 60);
    const result = await playSeries(t, { name: "foreign holder", rounds }, async (t) => {
      const group = await startGroup(t, plane, { durations: quick });
      if (group === undefined) return undefined;
      const { deployment, leader } = group;
      await deployment.operator.patchLease({ holderIdentity: "another" });
      const editedAt = nowMs();
      await leader.bin.log.first(/a candidate again/);
      const [first = []] = termsOf(deployment);
      const latencyMs = first.at(-1)!.atMs - editedAt;
      return {
        overlapsMs: overlapsMs(deployment.journal),
        figures: { "the edit's answer to the last beat of the command": latencyMs },
      };
    });
    assert.equal(result.overlaps, 0);
  });
});

/** Waits for the next command, for the old leader's word that its tree is empty, and a renewal more. */
async function untilTakenOver(group: Group, { leaseSeconds }: Durations): Promise<void> {
  const { deployment, leader, replicas } = group;
  const next = await deployment.untilStarts(2, 1000 * leaseSeconds + slackMs);
  assert.notEqual(next.identity, leader.identity);
  await leader.bin.log.first(/a candidate again/);
  const others = replicas.filter((replica) => replica !== leader && replica !== next);
  await Promise.all(others.map((other) => untilFollows(other, next.identity)));
  await untilRenewals(deployment, 1);
}

function series(variable: string, rounds: number): { concurrency: number; skip: boolean } {
  return { concurrency: atOnce, skip: countOf(variable, rounds) === 0 };
}

/** Whole rounds, from the environment or as usual. */
/** Lets a process go on, unless a replica that goes on already has killed it. */
function resume(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function countOf(variable: string, otherwise: number): number {
  const count = Number(process.env[variable] ?? otherwise);
  assert.ok(Number.isInteger(count) && count >= 0, `${variable} is no number of rounds`);
  return count;
}

function shuffled<T>(all: readonly T[]): readonly T[] {
  return all
    .map((one) => ({ one, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ one }) => one);
}
