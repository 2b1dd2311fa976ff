/** Rows X6, X7 and X8: who is meant by a name, and what a name may be. */
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
import { asBootMs, quick, renewedAtMs, toldAtMs, untilFollows } from "../cluster/replicas.ts";
import { journalOf, starts } from "../hosts/oracle.ts";
import { needsPidNamespace } from "../support/processes.ts";
import { byWay, mix, skip } from "./mixed.ts";
import { crashContainer, startPod } from "./pod.ts";

/** What a loaded machine may take from an event to the last process. */
const latencyMs = 250;
const clockMs = 20;

const identities: readonly string[] = [
  "x",
  `${"é".repeat(126)}x`,
  "a\"b\\c'd $e",
  "名前 🦊",
  "%41/../?#&",
];

const refused: readonly string[] = ["a\nb", "\u001b[2J", "é".repeat(127)];

const forgery = "2026-01-01T00:00:00.000Z ERROR forged";

describe("identities", { concurrency: 4, skip }, () => {
  let plane: ControlPlane;
  before(async () => {
    if (!skip) plane = await startControlPlane();
  });
  after(() => plane?.close());

  it("X6 the next pod of a StatefulSet's name waits D for the old one, which is cut off", async (t) => {
    const oracle = { deaf: true, grandchild: true };
    const { deployment, way } = await mix(t, plane, { oracle });
    const proxy = await way();
    const old = await deployment.start(byWay(proxy));
    await deployment.untilStarts(1);
    await untilRenewed(deployment);
    proxy.cut();
    const renewedAt = asBootMs(renewedAtMs(await deployment.operator.lease()));
    const next = await deployment.start({ K8S_AWAIT_ELECTION_IDENTITY: old.identity });
    await untilFollows(next, old.identity);
    assert.equal(await deployment.untilStarts(2), next);
    const ranMs = lastBeat(deployment.journal, 1).atMs - renewedAt;
    assert.ok(ranMs < quick.endMs, `the old tree lived for ${ranMs} ms`);
    const sighted = next.bin.log.all.find((line) => line.includes("the leader is"))!;
    const waitedMs = toldAtMs(next, "runs") - writtenAtMs(sighted);
    t.diagnostic(`first sight to the next command: ${waitedMs} ms`);
    assert.ok(waitedMs >= quick.leaseMs, `only ${waitedMs} ms: taken for its own`);
    assert.ok(waitedMs <= quick.leaseMs + quick.retryMs, `as much as ${waitedMs} ms`);
    await proxy.heal();
    await untilFollows(old, old.identity);
    await untilRenewed(deployment, 2);
    assert.equal(starts(deployment.journal).length, 2, "the old one does not disturb it");
    assertNeverTwo(deployment.journal);
  });

  it("X6 client-go with our very identity: a loss at once, and not ours while it leads", async (t) => {
    const { deployment, peer } = await mix(t, plane, { oracle: { stopMs: 20_000 } });
    const leader = await deployment.startLed(1);
    await untilRenewed(deployment);
    // It takes the record for its own and waits for nobody (DL7), so that its oracle must not meet
    // ours; its record has our mark and our acquireTime, and a renewTime that we never wrote.
    const journal = `${deployment.journal}-of-go`;
    const go = await peer({ identity: leader.identity, journal });
    const ledAt = eventAtMs(await go.untilEvent("leading"));
    await leader.bin.log.first(/another process has our identity/);
    await leader.bin.log.first(/a candidate again/);
    const ranMs = lastBeat(deployment.journal, 1).atMs - ledAt;
    t.diagnostic(`its term to the end of our command: ${ranMs.toFixed(0)} ms`);
    assert.ok(ranMs < latencyMs, `our command ran on for ${ranMs} ms (S4)`);
    const asked = journalOf(deployment.journal).filter(({ what }) => what === "term");
    assert.deepEqual(asked, [], "evidence of loss allows no grace (S4)");
    await untilRenewed(deployment, 3);
    assert.equal(starts(deployment.journal).length, 1, "the name alone makes no record ours");
    go.signal("SIGTERM");
    await go.untilEvent("released");
    const releasedAt = asBootMs(renewedAtMs(await deployment.operator.lease()));
    await deployment.untilStarts(2);
    const waitedMs = starts(deployment.journal)[1]!.atMs - releasedAt;
    assert.ok(waitedMs >= quick.leaseMs - clockMs, `only ${waitedMs} ms (S7)`);
  });

  it("X7 a container that is restarted in its pod leads again at once", {
    ...needsPidNamespace(),
  }, async (t) => {
    const { deployment } = await mix(t, plane);
    const pod = await startPod(t, plane, deployment, { name: "web-0" });
    const first = await pod.startContainer();
    await untilCommands(deployment, 1);
    const follower = await deployment.start();
    await untilFollows(follower, "web-0");
    await crashContainer(first);
    const { log } = await pod.startContainer();
    await untilCommands(deployment, 2);
    await log.first(/claiming the lease .*this pod's former process, which is gone/);
    const [asked, runs] = await Promise.all([log.first(/waiting to lead/), log.first(/ runs/)]);
    const waitedMs = writtenAtMs(runs) - writtenAtMs(asked);
    t.diagnostic(`its start to its command: ${waitedMs} ms`);
    assert.equal(await deployment.operator.holder(), "web-0");
    assert.ok(waitedMs < quick.leaseMs / 2, `${waitedMs} ms is as slow as an expiry (L8)`);
    assertNeverTwo(deployment.journal);
  });

  it("X7 a container that is restarted in the machine's network waits D like any other", {
    ...needsPidNamespace(),
  }, async (t) => {
    const { deployment } = await mix(t, plane);
    const pod = await startPod(t, plane, deployment, { name: "web-0", hostNetwork: true });
    const first = await pod.startContainer();
    await untilCommands(deployment, 1);
    await untilRenewed(deployment);
    await crashContainer(first);
    const renewedAt = asBootMs(renewedAtMs(await deployment.operator.lease()));
    await pod.startContainer();
    await untilCommands(deployment, 2);
    const waitedMs = starts(deployment.journal)[1]!.atMs - renewedAt;
    assert.ok(waitedMs >= quick.leaseMs - clockMs, `only ${waitedMs} ms (L8)`);
    assertNeverTwo(deployment.journal);
  });

  it("X8 every identity is in the record byte for byte, and client-go reads it so", async (t) => {
    const { deployment, peer } = await mix(t, plane);
    for (const [at, identity] of identities.entries()) {
      const { bin } = await deployment.start({ K8S_AWAIT_ELECTION_IDENTITY: identity });
      await deployment.untilStarts(at + 1);
      assert.equal(await deployment.operator.holder(), identity);
      const go = await peer();
      assert.equal((await go.untilEvent("observed-leader")).leader, identity);
      await go.close();
      bin.signal("SIGTERM");
      assert.deepEqual(await bin.ended, { code: 0, signal: null });
    }
    assertNeverTwo(deployment.journal);
  });

  it("X8 an identity that could not be is refused, in a line that nothing in it breaks", async (t) => {
    const { deployment } = await mix(t, plane);
    for (const identity of refused) {
      const { bin } = await deployment.start({ K8S_AWAIT_ELECTION_IDENTITY: identity });
      assert.deepEqual(await bin.ended, { code: 64, signal: null });
      assert.match(bin.log.text, /IDENTITY is ".*": must be 1 to 253 bytes of UTF-8/);
      assertOnlyOurLines(bin.log.all);
    }
    await assert.rejects(deployment.operator.lease(), /404/);
  });

  it("X8 a holder's name can forge no line of our log", async (t) => {
    const { deployment, peer } = await mix(t, plane);
    const identity = `go "x" \\\n${forgery}\u001b[2J\u2028`;
    const go = await peer({ identity });
    await untilCommands(deployment, 1);
    assert.equal(await deployment.operator.holder(), identity);
    const { bin } = await deployment.start();
    const told = await bin.log.first(/the leader is/);
    assert.ok(told.includes(String.raw`"go \"x\" \\\n${forgery}\u001b[2J\u2028"`), told);
    assertOnlyOurLines(bin.log.all);
    await go.close();
  });
});

/** Wall time of a line of our log. */
function writtenAtMs(line: string): number {
  return Date.parse(line.split(" ")[0] ?? "");
}

/** Whole lines of ours, with nothing in them that moves a cursor. */
function assertOnlyOurLines(lines: readonly string[]): void {
  for (const line of lines) {
    assert.match(line, /^\d{4}-\d\d-\d\dT\S+Z (INFO|WARN|ERROR) /u);
    assert.ok(!line.startsWith(forgery) && !/[\p{Cc}\u2028]/u.test(line), JSON.stringify(line));
  }
}
