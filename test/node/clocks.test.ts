/** Rows C3 to C6: clocks that lie, in whole replicas on real sockets. */
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { isRunning, until } from "../support/processes.ts";
import { type Bin, scratchFolder } from "../hosts/bin.ts";
import { assertEmptyBetween, bootMs, type Cluster, openCluster, timing } from "../hosts/cluster.ts";
import { isEmpty, treeUnder, untilTree } from "../hosts/observer.ts";
import { assertExclusive, journalOf, oracleWords, starts } from "../hosts/oracle.ts";
import { killBoundMs } from "../hosts/pauses.ts";
import { type Plant, planted } from "./plant.ts";

/** W of contract A4, and one tick of the journal's clock. */
const watchdogMs = 250;
const tickMs = 10;

interface Team {
  readonly journal: string;
  readonly start: (identity: string, plant?: Plant) => Promise<Bin>;
}

const wallClocks = [
  "jumping",
  "frozen",
  "from 2038-01-19T03:14:05Z",
  "from 9998-12-31T23:59:59Z",
] as const;

describe("clocks", { concurrency: 4, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  function team(t: TestContext, lease: string): Team {
    const journal = `${scratchFolder(t)}/journal`;
    const argv = oracleWords({ journal, deaf: true, grandchild: true });
    return {
      journal,
      start: (identity, plant = {}) =>
        cluster.start(t, { lease, identity, argv, env: planted(plant) }),
    };
  }

  for (const wall of wallClocks) {
    it(`C4 a leader whose wall clock is ${wall} renews by times that grow by a second`, async (t) => {
      const lease = `wall-${wall.replaceAll(/\W+/g, "-").toLowerCase()}`;
      const { start, journal } = team(t, lease);
      const one = await start("one", { wall });
      await one.output.first(/^command \d+ runs/);
      const two = await start("two");
      await two.log.first(/the leader is "one"/);
      const renewals = await cluster.renewals(lease, 5);
      const times = renewals.map(({ body }) => String(body.spec?.["renewTime"]));
      const gapsMs = times
        .slice(1)
        .map((time, at) => Date.parse(time) - Date.parse(times[at] ?? ""));
      assert.ok(
        gapsMs.every((gapMs) => gapMs >= 1000),
        times.join(" "),
      );
      assert.ok(times.every((time) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(time)));
      assert.equal(cluster.seen(lease, "claim").length, 1);
      assert.equal(starts(journal).length, 1);
      assertExclusive(journal);
    });
  }

  it("C4 C5 a follower whose wall clock jumps and whose clock is fast waits until the leader is dead", async (t) => {
    const lease = "fast-follower";
    const { start, journal } = team(t, lease);
    // Two clocks that chrony slews apart as fast as it may.
    const one = await start("one", { rate: 11 / 12, wall: "from 9998-12-31T23:59:59Z" });
    await one.output.first(/^grandchild \d+ runs/);
    const two = await start("two", { rate: 13 / 12, wall: "jumping" });
    await two.log.first(/the leader is "one"/);
    await cluster.renewals(lease, 4);
    cluster.silence(lease, "one");
    const [confirmed] = cluster.seen(lease, "renewal").slice(-1);
    await untilTree(lease, isEmpty, "the slow leader's tree is dead");
    const emptyAtMs = bootMs();
    await until(() => starts(journal).length === 2, "the fast follower leads");
    const [claim] = cluster.seen(lease, "claim").slice(-1);
    assert.ok(confirmed !== undefined && claim !== undefined);
    t.diagnostic(`${Math.round(claim.atMs - emptyAtMs)} ms from the old tree's death to the claim`);
    const waitedMs = claim.atMs - confirmed.atMs;
    assert.ok(waitedMs < timing.leaseMs - 100, `it is really fast: ${waitedMs} ms`);
    assertExclusive(journal);
    assertEmptyBetween(cluster, lease);
  });

  it("C3 after a suspend past H the guard kills within W, though the loop is stuck", async (t) => {
    const lease = "suspended";
    const { start, journal } = team(t, lease);
    const fault = { type: "suspend", ms: 2 * timing.leaseMs, stuckMs: 1500 } as const;
    const one = await start("one", { fault });
    await one.output.first(/^grandchild \d+ runs/);
    await cluster.renewals(lease, 1);
    const tree = treeUnder(lease);
    const wokenAtMs = bootMs();
    one.signal("SIGPIPE");
    await until(() => !tree.some(isRunning), "the tree is dead", 1000);
    const old = journalOf(journal).filter(({ pid }) => tree.includes(pid));
    const lastMs = (old.at(-1)?.atMs ?? assert.fail()) - wokenAtMs;
    t.diagnostic(`the last beat came ${Math.round(lastMs)} ms after the waking`);
    assert.ok(lastMs <= killBoundMs(watchdogMs) + tickMs, `${lastMs} ms`);
    await one.log.first(/lost the lease/);
    await one.log.first(/a candidate again/);
    assertEmptyBetween(cluster, lease);
  });

  for (const thread of ["loop", "guard"] as const) {
    for (const how of ["goes back", "unreadable"] as const) {
      it(`C6 a clock of the ${thread} that ${how === "unreadable" ? "is unreadable" : how} kills the tree: 70`, async (t) => {
        const lease = `clock-${thread}-${how.replaceAll(" ", "-")}`;
        const { start } = team(t, lease);
        const bin = await start("one", { fault: { type: "spoilClock", thread, how } });
        await bin.output.first(/^grandchild \d+ runs/);
        bin.signal("SIGPIPE");
        assert.deepEqual(await bin.ended, { code: 70, signal: null }, bin.log.text);
        assert.deepEqual(treeUnder(lease), []);
        assert.match(bin.log.text, /Cannot (trust|read) the uptime clock/);
        assertEmptyBetween(cluster, lease);
      });
    }
  }
});
