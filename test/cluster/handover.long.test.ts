/**
 * How long nobody leads, and what waiting costs, with the durations that everybody has: 15/10/2.
 *
 * The promises are asserted on any machine: no overlap, D + P after a crash. What depends on how
 * busy the machine is goes into the table, and its median is held against the target.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { assertExclusive, starts } from "../hosts/oracle.ts";
import { buildElector } from "../support/go-program.ts";
import { type Audit, openAudit } from "./audit.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { type Figure, figureOf, keepFigures, tableOf } from "./figures.ts";
import { assertNeverTwo, startPeer, untilCommands } from "./go-peer.ts";
import {
  asBootMs,
  deploy,
  type Deployment,
  gapsMs,
  lockName,
  renewedAtMs,
  type Replica,
  toldAtMs,
  untilFollows,
} from "./replicas.ts";
import { originalRole, ourRole } from "./roles.ts";

const built = await buildElector();

const handOvers = 24;
const crashes = 8;
const rounds = 10;
const idleMs = 150_000;

const leaseMs = 15_000;
const retryMs = 2000;
/** client-go's waits between two attempts, and what its start may take here. */
const slowestMs = 60_000;

const figures: Record<string, Figure> = {};

describe("hand-over with the default durations", () => {
  let audit: Audit;
  let plane: ControlPlane;
  before(async () => {
    audit = await openAudit();
    plane = await startControlPlane({ apiServerFlags: audit.flags });
  });
  after(async () => {
    await plane?.close();
    await audit?.remove();
    say(`milliseconds, or requests per minute\n${tableOf(figures)}`);
    await keepFigures("handover", figures);
  });

  const options = { rules: ourRole(lockName), durations: {} };

  it(`L2 ${handOvers} times SIGTERM`, async (t) => {
    const deployment = await deploy(t, plane, options);
    let leader = await deployment.startLed(3);
    const leaders = [leader];
    for (let done = 1; done <= handOvers; done += 1) {
      leader.bin.signal("SIGTERM");
      const left = leader;
      leader = await deployment.untilStarts(done + 1);
      leaders.push(leader);
      assert.deepEqual(await left.bin.ended, { code: 0, signal: null });
      await untilFollows(await deployment.start(), leader.identity);
      say(`hand-over ${done} of ${handOvers}`);
    }
    assertExclusive(deployment.journal);
    const gaps = gapsMs(deployment.journal);
    assert.equal(gaps.length, handOvers);
    figures["SIGTERM: end of a command to the first line of the next"] = figureOf(gaps);
    figures["SIGTERM: the same by the log, without the command's own start"] = figureOf(
      leaders
        .slice(1)
        .map((next, at) => toldAtMs(next, "runs") - toldAtMs(leaders[at]!, "has ended")),
    );
    assert.ok(figureOf(gaps).median <= 300, "half of the hand-overs reach the target");
    for (const gap of gaps) assert.ok(gap < leaseMs / 2, `${gap} ms is as slow as an expiry`);
  });

  it(`L1 ${crashes} times a crash`, async (t) => {
    const deployment = await deploy(t, plane, options);
    let leader = await deployment.startLed(3);
    const waits: number[] = [];
    for (let done = 1; done <= crashes; done += 1) {
      await leader.crash();
      const renewedAt = asBootMs(renewedAtMs(await deployment.operator.lease()));
      await deployment.start();
      leader = await deployment.untilStarts(done + 1);
      waits.push(starts(deployment.journal).at(-1)!.atMs - renewedAt);
      say(`crash ${done} of ${crashes}: ${waits.at(-1)!.toFixed(0)} ms after the last renewal`);
      await followsAll(deployment, leader);
    }
    assertExclusive(deployment.journal);
    figures["crash: last renewal to the first line of the next command"] = figureOf(waits);
    for (const wait of waits) assert.ok(wait <= leaseMs + retryMs, `${wait} ms`);
    assert.ok(figureOf(waits).median <= leaseMs + 500, "half of them reach the target");
  });

  describe("beside each other, for they count and do not measure", { concurrency: 2 }, () => {
    it("L9 an idle group: what the leader and each follower ask", async (t) => {
      const deployment = await deploy(t, plane, options);
      const leader = await deployment.startLed(3);
      const from = Date.now();
      await pause(idleMs);
      const minutes = (Date.now() - from) / 60_000;
      const all = await audit.requests(deployment.namespace);
      const perMinute = ({ identity }: Replica, isCounted: (verb: string) => boolean): number =>
        all.filter(({ pod, verb, atMs }) => pod === identity && atMs >= from && isCounted(verb))
          .length / minutes;
      const followers = deployment.replicas.filter((replica) => replica !== leader);
      const asked = followers.map((follower) => perMinute(follower, (verb) => verb !== "watch"));
      const watches = followers.map((follower) => perMinute(follower, (verb) => verb === "watch"));
      const updates = perMinute(leader, (verb) => verb === "update");
      const others = perMinute(leader, (verb) => verb !== "update");
      figures["idle: requests of a follower beside its watch"] = figureOf(asked);
      figures["idle: watches that a follower opened again"] = figureOf(watches);
      figures["idle: PUTs of the leader"] = figureOf([updates]);
      figures["idle: other requests of the leader"] = figureOf([others]);
      for (const count of [...asked, ...watches]) assert.ok(count <= 2, `${count} a minute`);
      assert.ok(Math.abs(updates - 30) <= 1, `${updates} PUTs a minute`);
      assert.ok(others <= 1, `${others} other requests a minute`);
      assertExclusive(deployment.journal);
    });

    it(`X3 ${rounds} rollouts to client-go and back`, {
      skip: built.path === undefined && built.reason,
    }, async (t) => {
      const deployment = await deploy(t, plane, { ...options, rules: originalRole });
      let ours = await deployment.startLed(1);
      const transitions = [await transitionsOf(deployment)];
      for (let round = 1; round <= rounds; round += 1) {
        const identity = `go-${round}`;
        const { access } = plane;
        const go = await startPeer(deployment, { program: built.path!, access, identity });
        assert.equal((await go.untilEvent("observed-leader")).leader, ours.identity);
        ours.bin.signal("SIGTERM");
        await untilCommands(deployment, 2 * round, slowestMs);
        transitions.push(await transitionsOf(deployment));
        ours = await deployment.start();
        await untilFollows(ours, identity);
        go.signal("SIGTERM");
        assert.equal(await deployment.untilStarts(round + 1, slowestMs), ours);
        transitions.push(await transitionsOf(deployment));
        say(`rollout ${round} of ${rounds}: transitions ${transitions.at(-1)}`);
      }
      assert.equal(starts(deployment.journal).length, 1 + 2 * rounds);
      assertNeverTwo(deployment.journal);
      assert.deepEqual(
        transitions,
        transitions.map((_, at) => at),
        "each change of the holder counts one",
      );
      const gaps = gapsMs(deployment.journal);
      figures["mixed: end of our command to client-go's"] = figureOf(gaps.filter(isEven));
      figures["mixed: end of client-go's command to ours"] = figureOf(
        gaps.filter((gap, at) => !isEven(gap, at)),
      );
    });
  });
});

function isEven(_: number, at: number): boolean {
  return at % 2 === 0;
}

async function followsAll({ replicas }: Deployment, leader: Replica): Promise<void> {
  const living = replicas.filter((replica) => replica !== leader && !replica.bin.hasEnded());
  await Promise.all(living.map((replica) => untilFollows(replica, leader.identity)));
}

async function transitionsOf({ operator }: Deployment): Promise<number> {
  return Number((await operator.lease()).spec?.["leaseTransitions"] ?? 0);
}

/** A test's own diagnostics come only at its end. */
function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
