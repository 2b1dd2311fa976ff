/** Rows X4 and X5: what others write into the record, and what it means for those who read it. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ControlPlane, startControlPlane } from "../cluster/control-plane.ts";
import {
  assertNeverTwo,
  eventAtMs,
  lastBeat,
  untilCommands,
  untilRenewed,
} from "../cluster/go-peer.ts";
import { asBootMs, quick, renewedAtMs, untilFollows } from "../cluster/replicas.ts";
import { until } from "../cluster/until.ts";
import { journalOf, starts } from "../hosts/oracle.ts";
import { endProcess } from "../support/processes.ts";
import { assertWaited, durations, flagsOf } from "./durations.ts";
import { mix, skip } from "./mixed.ts";

/** What a loaded machine may take from an event to the last process. */
const latencyMs = 250;
const clockMs = 20;
/** S7, at 5/3/1. */
const goWaitMs = 4000;

describe("records of others", { concurrency: 4, skip }, () => {
  let plane: ControlPlane;
  before(async () => {
    if (!skip) plane = await startControlPlane();
  });
  after(() => plane?.close());

  // Since its version 0.34 client-go reads before it releases, and then empties what it has read,
  // whoever holds it by now (DL2).
  it("X4 client-go's late release wipes our record: a loss at once, and nobody claims for D", async (t) => {
    const { deployment, peer, way } = await mix(t, plane, { oracle: { stopMs: 20_000 } });
    const by = await way();
    // It gives up later than our wait assumes, so that it is still releasing when we lead: it stops
    // to renew after P + R = 10.2 s, we lead after 7 + 4 s, and it tries to release until 16.7 s.
    const flags = ["-lease-duration=7s", "-renew-deadline=6500ms", "-retry-period=3700ms"];
    const go = await peer({ by, flags });
    await untilCommands(deployment, 1);
    const replicas = [await deployment.start(), await deployment.start()];
    await Promise.all(replicas.map((replica) => untilFollows(replica, "go")));
    await untilRenewed(deployment);
    by.cut();
    await until("the end of its renewing", () =>
      go.events.find(({ message }) => message?.includes("Failed to renew lease")),
    );
    // Its command has to end before ours starts, whatever it does itself: it would overstay.
    endProcess(starts(deployment.journal)[0]!.pid);
    const leader = await deployment.untilStarts(1);
    const { spec } = await deployment.operator.lease();
    await by.heal();
    const released = await go.untilEvent("released");
    assert.equal(released.ok, true, "it had not given up yet");
    const wipedAt = asBootMs(renewedAtMs(await deployment.operator.lease()));

    await deployment.untilStarts(2);
    const ranMs = lastBeat(deployment.journal, 2).atMs - eventAtMs(released);
    t.diagnostic(`wiped to dead: ${ranMs.toFixed(0)} ms`);
    assert.ok(ranMs < latencyMs, `our command ran on for ${ranMs} ms (S4)`);
    assert.match(leader.bin.log.text, /its holder was removed/);
    const asked = journalOf(deployment.journal).filter(({ what }) => what === "term");
    assert.deepEqual(asked, [], "evidence of loss allows no grace (S4)");
    const [, first, second] = starts(deployment.journal);
    const waitedMs = second!.atMs - wipedAt;
    t.diagnostic(`wiped to the next command: ${waitedMs.toFixed(0)} ms`);
    assert.ok(waitedMs >= quick.leaseMs - clockMs, `only ${waitedMs} ms (S7)`);
    assert.ok(BigInt(second!.token) > BigInt(first!.token));
    const transitions = (await deployment.operator.lease()).spec?.["leaseTransitions"];
    assert.equal(transitions, Number(spec?.["leaseTransitions"]) + 1);
    assertNeverTwo(deployment.journal);
  });

  it("X5 a record of 15 s is honoured by followers of 5 s, ours and client-go's", async (t) => {
    const { deployment, peer } = await mix(t, plane);
    const leader = await deployment.start(durations("15/10/2"));
    await deployment.untilStarts(1);
    const [follower, go] = await Promise.all([deployment.start(), peer()]);
    await untilFollows(follower, leader.identity);
    await go.untilEvent("observed-leader");
    await untilRenewed(deployment);
    await leader.crash();
    await assertWaited(t, deployment, 15_000);
  });

  it("X5 a record of 5 s is honoured by followers of 15 and 60 s", async (t) => {
    const { deployment } = await mix(t, plane);
    const leader = await deployment.startLed(1);
    const followers = ["15/10/2", "60/10/2"].map((own) => deployment.start(durations(own)));
    for (const follower of await Promise.all(followers)) {
      await untilFollows(follower, leader.identity);
    }
    await untilRenewed(deployment);
    await leader.crash();
    await assertWaited(t, deployment, 5000);
  });

  it("X5 client-go's record of 15 s is honoured by our follower of 5 s, with its wait", async (t) => {
    const { deployment, peer } = await mix(t, plane);
    const go = await peer({ flags: flagsOf("15/10/2") });
    await untilCommands(deployment, 1);
    await untilFollows(await deployment.start(), "go");
    await untilRenewed(deployment);
    await go.close();
    // A lease three times as long has a renew deadline about three times as long.
    await assertWaited(t, deployment, 15_000 + 3 * goWaitMs);
  });
});
