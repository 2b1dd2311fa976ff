/** Rows X1 and X2: replicas of ours and client-go's elector share one Lease on a real API server. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { starts } from "../hosts/oracle.ts";
import { buildElector } from "../interop/build.ts";
import type { RunningElector } from "../interop/elector.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { assertNeverTwo, startPeer, untilCommands } from "./go-peer.ts";
import {
  asBootMs,
  bootMs,
  deploy,
  type Deployment,
  gapsMs,
  quick,
  renewedAtMs,
  toldAtMs,
  untilFollows,
} from "./replicas.ts";
import { originalRole } from "./roles.ts";

const built = await buildElector();
const skip = built.path === undefined && built.reason;

/** S7: what a holder that is no replica of ours is given beyond its D, at 5/3/1. */
const goWaitMs = 4000;
/** client-go's wait between two attempts, at most: P · 2.2. */
const goRetryMs = 2.2 * quick.retryMs;
const clockMs = 20;

describe("client-go on the same Lease", { concurrency: 3, skip }, () => {
  let plane: ControlPlane;
  before(async () => {
    if (!skip) plane = await startControlPlane();
  });
  after(() => plane?.close());

  function peer(deployment: Deployment): Promise<RunningElector> {
    const flags = ["-lease-duration=5s", "-renew-deadline=3s", "-retry-period=1s"];
    const { access } = plane;
    return startPeer(deployment, { program: built.path!, access, identity: "go", flags });
  }

  it("X1 client-go leads and releases: we wait out what it may still run", async (t) => {
    const deployment = await deploy(t, plane, { rules: originalRole });
    const go = await peer(deployment);
    await untilCommands(deployment, 1);
    const replicas = [await deployment.start(), await deployment.start()];
    await Promise.all(replicas.map((replica) => untilFollows(replica, "go")));
    const stoppedAt = bootMs();
    go.signal("SIGTERM");
    await deployment.untilStarts(1);
    const waitedMs = starts(deployment.journal)[1]!.atMs - stoppedAt;
    t.diagnostic(`SIGTERM to the next command: ${waitedMs.toFixed(0)} ms`);
    assert.ok(waitedMs >= quick.leaseMs - clockMs, `only ${waitedMs} ms (S7)`);
    assertNeverTwo(deployment.journal);
  });

  it("X1 client-go leads and crashes: we wait longer than for one of ours", async (t) => {
    const deployment = await deploy(t, plane, { rules: originalRole });
    const go = await peer(deployment);
    await untilCommands(deployment, 1);
    const replicas = [await deployment.start(), await deployment.start()];
    await Promise.all(replicas.map((replica) => untilFollows(replica, "go")));
    await go.close();
    const renewedAt = renewedAtMs(await deployment.operator.lease());
    const waitedMs = toldAtMs(await deployment.untilStarts(1), "runs") - renewedAt;
    t.diagnostic(`last renewal to the next command: ${waitedMs.toFixed(0)} ms`);
    assert.ok(waitedMs >= quick.leaseMs + goWaitMs - clockMs, `only ${waitedMs} ms (S7)`);
    assert.ok(waitedMs <= quick.leaseMs + goWaitMs + quick.retryMs, `as much as ${waitedMs} ms`);
    assertNeverTwo(deployment.journal);
  });

  it("X2 we lead and release: client-go follows at its next look", async (t) => {
    const deployment = await deploy(t, plane, { rules: originalRole, oracle: { stopMs: 1000 } });
    const leader = await deployment.startLed(1);
    const go = await peer(deployment);
    assert.equal((await go.untilEvent("observed-leader")).leader, leader.identity);
    leader.bin.signal("SIGTERM");
    assert.deepEqual(await leader.bin.ended, { code: 0, signal: null });
    await untilCommands(deployment, 2);
    const [gap] = gapsMs(deployment.journal);
    t.diagnostic(`end of our command to client-go's: ${gap?.toFixed(0)} ms`);
    assert.ok(gap! < goRetryMs + quick.retryMs, `${gap} ms`);
    assertNeverTwo(deployment.journal);
  });

  it("X2 we lead and crash: client-go follows after D", async (t) => {
    const deployment = await deploy(t, plane, { rules: originalRole });
    const leader = await deployment.startLed(1);
    const go = await peer(deployment);
    await go.untilEvent("observed-leader");
    await leader.crash();
    const renewedAt = asBootMs(renewedAtMs(await deployment.operator.lease()));
    await untilCommands(deployment, 2);
    const waitedMs = starts(deployment.journal)[1]!.atMs - renewedAt;
    t.diagnostic(`last renewal to client-go's command: ${waitedMs.toFixed(0)} ms`);
    // It sees the record at its next look, and looks again after that.
    const slowestMs = quick.leaseMs + 2 * goRetryMs + quick.retryMs;
    assert.ok(quick.leaseMs - clockMs <= waitedMs && waitedMs <= slowestMs, `${waitedMs} ms`);
    assertNeverTwo(deployment.journal);
  });
});
