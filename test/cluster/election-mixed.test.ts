/** Rows X1 to X3: replicas of ours and client-go's elector share one Lease on a real API server. */
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { starts } from "../hosts/oracle.ts";
import type { RunningElector } from "../interop/elector.ts";
import { byWay, mix, type Mixed, skip } from "../interop/mixed.ts";
import { rollOut } from "../interop/rollout.ts";
import { takeoverMs } from "../interop/takeover.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { tableOf } from "./figures.ts";
import {
  assertNeverTwo,
  eventAtMs,
  lastBeat,
  type PeerOptions,
  untilCommands,
  untilRenewed,
} from "./go-peer.ts";
import {
  asBootMs,
  bootMs,
  gapsMs,
  quick,
  renewedAtMs,
  toldAtMs,
  untilFollows,
} from "./replicas.ts";

/** S7: what a holder that is no replica of ours is given beyond its D, at 5/3/1. */
const goWaitMs = 4000;
/** client-go's wait between two attempts, at most: P · 2.2. */
const goRetryMs = 2.2 * quick.retryMs;
const clockMs = 20;
/** What a loaded machine may take to start a command that has been let go. */
const startMs = 500;

describe("client-go on the same Lease", { concurrency: 5, skip }, () => {
  let plane: ControlPlane;
  before(async () => {
    if (!skip) plane = await startControlPlane();
  });
  after(() => plane?.close());

  it("X1 client-go leads and releases: we wait out what it may still run", async (t) => {
    const mixed = await mix(t, plane);
    const { deployment } = mixed;
    const go = await underGo(mixed);
    const stoppedAt = bootMs();
    go.signal("SIGTERM");
    await deployment.untilStarts(1);
    const waitedMs = starts(deployment.journal)[1]!.atMs - stoppedAt;
    t.diagnostic(`SIGTERM to the next command: ${waitedMs.toFixed(0)} ms`);
    assert.ok(waitedMs >= quick.leaseMs - clockMs, `only ${waitedMs} ms (S7)`);
    assertNeverTwo(deployment.journal);
  });

  it("X1 client-go leads and crashes: we wait longer than for one of ours", async (t) => {
    const mixed = await mix(t, plane);
    const { deployment } = mixed;
    const go = await underGo(mixed);
    await go.close();
    const renewedAt = renewedAtMs(await deployment.operator.lease());
    const waitedMs = toldAtMs(await deployment.untilStarts(1), "runs") - renewedAt;
    t.diagnostic(`last renewal to the next command: ${waitedMs.toFixed(0)} ms`);
    assertInTime(waitedMs, quick.leaseMs + goWaitMs);
    assertNeverTwo(deployment.journal);
  });

  it("X1 client-go leads and is cut off: it runs on past its D, and never beside us", async (t) => {
    const mixed = await mix(t, plane);
    const { deployment } = mixed;
    const proxy = await mixed.way();
    const go = await underGo(mixed, { by: proxy });
    proxy.cut();
    const renewedAt = renewedAtMs(await deployment.operator.lease());
    const next = await deployment.untilStarts(1);
    const ranMs = lastBeat(deployment.journal, 1).atMs - asBootMs(renewedAt);
    const waitedMs = toldAtMs(next, "runs") - renewedAt;
    t.diagnostic(`since the last renewal: its end ${ranMs.toFixed(0)}, ours ${waitedMs} ms`);
    assert.ok(ranMs > quick.leaseMs, `only ${ranMs} ms: no wait would have been needed (DL1)`);
    assertInTime(waitedMs, quick.leaseMs + goWaitMs);
    // What it was about to write when it was cut off comes now.
    await proxy.heal();
    assert.equal((await go.untilEvent("exit")).code, 1);
    await untilRenewed(deployment, 2);
    assert.equal(await deployment.operator.holder(), next.identity);
    assertNeverTwo(deployment.journal);
  });

  for (const fault of ["crashes", "releases"] as const) {
    it(`X1 client-go ${fault}: with TAKEOVER_DELAY=0 we wait no longer than client-go`, async (t) => {
      const waitedMs = await takeoverMs(t, plane, fault, "us");
      t.diagnostic(`until our term: ${waitedMs.toFixed(0)} ms`);
      // client-go looks no sooner than P after its last look, and later on the average.
      const leastMs = fault === "crashes" ? quick.leaseMs : 0;
      assert.ok(waitedMs >= leastMs - clockMs, `only ${waitedMs} ms`);
      assert.ok(waitedMs <= leastMs + quick.retryMs, `as much as ${waitedMs} ms`);
    });
  }

  it("X3 two rollouts to client-go and back: never two, and each term counts one", async (t) => {
    t.diagnostic(tableOf(await rollOut(t, plane, 2)));
  });

  it("X2 we lead and release: client-go follows at its next look", async (t) => {
    const oracle = { stopMs: 1000, grandchild: true };
    const { deployment, peer } = await mix(t, plane, { oracle });
    const leader = await deployment.startLed(1);
    const go = await peer();
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
    const { deployment, peer } = await mix(t, plane);
    const leader = await deployment.startLed(1);
    const go = await peer();
    await go.untilEvent("observed-leader");
    await leader.crash();
    const renewedAt = asBootMs(renewedAtMs(await deployment.operator.lease()));
    await untilCommands(deployment, 2);
    assertFollowed(t, eventAtMs(await go.untilEvent("leading")) - renewedAt);
    assertNeverTwo(deployment.journal);
  });

  it("X2 we lead and are cut off: client-go never starts before our H + K", async (t) => {
    const oracle = { deaf: true, grandchild: true };
    const { deployment, peer, way } = await mix(t, plane, { oracle });
    const proxy = await way();
    const leader = await deployment.start(byWay(proxy));
    await deployment.untilStarts(1);
    const go = await peer();
    await go.untilEvent("observed-leader");
    proxy.cut();
    const renewedAt = asBootMs(renewedAtMs(await deployment.operator.lease()));
    await untilCommands(deployment, 2);
    const ranMs = lastBeat(deployment.journal, 1).atMs - renewedAt;
    t.diagnostic(`since the last renewal: our end ${ranMs.toFixed(0)} ms`);
    assert.ok(ranMs < quick.endMs, `our tree lived for ${ranMs} ms, beyond H + K`);
    assertFollowed(t, eventAtMs(await go.untilEvent("leading")) - renewedAt);
    await proxy.heal();
    await untilFollows(leader, "go");
    await untilRenewed(deployment, 2);
    assert.equal(await deployment.operator.holder(), "go");
    assertNeverTwo(deployment.journal);
  });
});

/** client-go leads, and two replicas of ours have seen it renew. */
async function underGo(
  { deployment, peer }: Mixed,
  options: Partial<PeerOptions> = {},
): Promise<RunningElector> {
  const go = await peer(options);
  await untilCommands(deployment, 1);
  const replicas = [await deployment.start(), await deployment.start()];
  await Promise.all(replicas.map((replica) => untilFollows(replica, "go")));
  await untilRenewed(deployment);
  return go;
}

/** L1, with the wait of S7. */
function assertInTime(waitedMs: number, leastMs: number): void {
  assert.ok(waitedMs >= leastMs - clockMs, `only ${waitedMs} ms (S7)`);
  assert.ok(waitedMs <= leastMs + quick.retryMs, `as much as ${waitedMs} ms`);
}

/** After our end; it sees a record at its next look, and looks again after that. */
function assertFollowed(t: TestContext, waitedMs: number): void {
  t.diagnostic(`last renewal to client-go's term: ${waitedMs.toFixed(0)} ms`);
  assert.ok(waitedMs >= quick.leaseMs - clockMs, `only ${waitedMs} ms`);
  const slowestMs = quick.leaseMs + 2 * goRetryMs + startMs;
  assert.ok(waitedMs <= slowestMs, `as much as ${waitedMs} ms`);
}
