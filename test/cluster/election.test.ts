/**
 * The entry point in front of a real kube-apiserver: three replicas, and all that can end a term.
 *
 * Whatever is done, no two commands run at the same time; how fast the next one runs is printed, and
 * only asserted where the contract promises it on any machine.
 */
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { assertExclusive, journalOf, starts } from "../hosts/oracle.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import {
  bootMs,
  deploy,
  type Deployment,
  gapsMs,
  lockName,
  quick,
  renewedAtMs,
  type Replica,
  toldAtMs,
} from "./replicas.ts";
import { originalRole, ourRole } from "./roles.ts";
import { until } from "./until.ts";

/** What a loaded machine may add to an instant that is read from a clock of 10 ms. */
const clockMs = 20;

describe("three replicas on a real kube-apiserver", { concurrency: 3 }, () => {
  let plane: ControlPlane;
  before(async () => {
    plane = await startControlPlane();
  });
  after(() => plane?.close());

  const rules = ourRole(lockName);

  for (const [name, role] of Object.entries({ ourRole: rules, originalRole })) {
    it(`L2 with ${name}, SIGTERM hands over, and the last one leaves the Lease free`, async (t) => {
      const oracle = { stopMs: 300, code: 7, grandchild: true };
      const deployment = await deploy(t, plane, { rules: role, oracle });
      let leader = await deployment.startLed(3);
      for (const next of [2, 3]) {
        leader.bin.signal("SIGTERM");
        const ended = leader.bin.ended;
        leader = await deployment.untilStarts(next);
        assert.deepEqual(await ended, { code: 7, signal: null }, "the command's own code");
      }
      leader.bin.signal("SIGTERM");
      assert.deepEqual(await leader.bin.ended, { code: 7, signal: null });
      assert.equal((await deployment.operator.holder()) ?? "", "");
      assertExclusive(deployment.journal);
      assertHandedOver(t, deployment, 2);
    });
  }

  it("L1 a crashed leader is replaced between D and D + P after its last renewal", async (t) => {
    const deployment = await deploy(t, plane, { rules, oracle: { grandchild: true } });
    const crashed = await deployment.startLed(3);
    await crashed.crash();
    const renewedAt = renewedAtMs(await deployment.operator.lease());
    const waitedMs = toldAtMs(await deployment.untilStarts(2), "runs") - renewedAt;
    t.diagnostic(`last renewal to next command: ${waitedMs.toFixed(0)} ms`);
    assert.ok(waitedMs >= quick.leaseMs - clockMs, `only ${waitedMs} ms`);
    assert.ok(waitedMs <= quick.leaseMs + quick.retryMs, `as much as ${waitedMs} ms`);
    assertExclusive(deployment.journal);
  });

  it("L3 a command that ends by itself passes its code on, and the next one runs", async (t) => {
    const deployment = await deploy(t, plane, { rules, oracle: { code: 3, grandchild: true } });
    const leader = await deployment.startLed(3);
    process.kill(starts(deployment.journal)[0]!.pid, "SIGTERM");
    assert.deepEqual(await leader.bin.ended, { code: 3, signal: null });
    await deployment.untilStarts(2);
    assertExclusive(deployment.journal);
    assertHandedOver(t, deployment, 1);
  });

  it("O1 a Lease deleted while led is a loss, and the former leader is the next one", async (t) => {
    const deployment = await deploy(t, plane, { rules, oracle: slowToStop });
    const leader = await deployment.startLed(3);
    for (const next of [2, 3]) {
      const { uid } = (await deployment.operator.lease()).metadata ?? {};
      await deployment.operator.deleteLease();
      assert.equal(await deployment.untilStarts(next), leader);
      const { metadata, spec } = await deployment.operator.lease();
      assert.notEqual(metadata?.uid, uid);
      assert.equal(spec?.["holderIdentity"], leader.identity);
      // A Lease made anew must be seen by all before it is deleted again (A8).
      await Promise.all(deployment.replicas.map((it) => knows(it, leader, next - 1)));
    }
    assertKilledAtOnce(deployment);
    assertExclusive(deployment.journal);
    assertHandedOver(t, deployment, 2);
  });

  it("O2 another holder written into the Lease ends the term at once", async (t) => {
    const deployment = await deploy(t, plane, { rules, oracle: slowToStop });
    await deployment.startLed(3);
    const editedAt = bootMs();
    await deployment.operator.patchLease({ holderIdentity: "intruder" });
    await deployment.untilStarts(2);
    assertEndedBy(t, deployment, editedAt);
    const waitedMs = starts(deployment.journal)[1]!.atMs - editedAt;
    assert.ok(waitedMs >= quick.leaseMs - clockMs, `an intruder has its whole D: ${waitedMs} ms`);
    assertExclusive(deployment.journal);
  });

  it("O3 a holder removed from the Lease ends the term, and nobody claims for D", async (t) => {
    const deployment = await deploy(t, plane, { rules, oracle: slowToStop });
    await deployment.startLed(3);
    const editedAt = bootMs();
    await deployment.operator.patchLease({ holderIdentity: "" });
    await deployment.untilStarts(2);
    assertEndedBy(t, deployment, editedAt);
    const waitedMs = starts(deployment.journal)[1]!.atMs - editedAt;
    assert.ok(waitedMs >= quick.leaseMs - clockMs, `only ${waitedMs} ms`);
    assertExclusive(deployment.journal);
  });

  it("X10 the Endpoints name the leader while it leads, and nobody after", async (t) => {
    const deployment = await deploy(t, plane, { rules: ourRole(lockName, "service") });
    const path = `/api/v1/namespaces/${deployment.namespace}/endpoints/service`;
    const address = async (): Promise<unknown> => {
      const { subsets } = await deployment.operator.call("GET", path);
      return (subsets as { addresses: { ip: string }[] }[] | undefined)?.[0]?.addresses[0]?.ip;
    };
    for (const podIp of ["10.1.0.1", "10.1.0.2"]) {
      await deployment.start({
        K8S_AWAIT_ELECTION_SERVICE_NAME: "service",
        K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: '[{"name":"http","port":80}]',
        K8S_AWAIT_ELECTION_POD_IP: podIp,
      });
    }
    const first = await deployment.untilStarts(1);
    assert.equal(await address(), addressOf(first), "before the command runs");
    first.bin.signal("SIGTERM");
    const second = await deployment.untilStarts(2);
    assert.notEqual(second, first);
    assert.equal(await address(), addressOf(second));
    second.bin.signal("SIGTERM");
    await second.bin.ended;
    assert.equal(await address(), undefined);
    assertExclusive(deployment.journal);
  });
});

/** As the loop above gave them out. */
function addressOf({ identity }: Replica): string {
  return `10.1.0.${identity.at(-1)}`;
}

/** Slow to stop, so that whatever ends it at once must have been SIGKILL. */
const slowToStop = { stopMs: 20_000, grandchild: true };

function assertHandedOver(t: TestContext, { journal }: Deployment, count: number): void {
  const gaps = gapsMs(journal);
  t.diagnostic(
    `end of a command to the next one: ${gaps.map((ms) => ms.toFixed(0)).join(", ")} ms`,
  );
  assert.equal(gaps.length, count);
  for (const gap of gaps) assert.ok(gap < quick.leaseMs / 2, `${gap} ms is as slow as an expiry`);
}

function assertKilledAtOnce({ journal }: Deployment): void {
  const asked = journalOf(journal).filter(({ what }) => what === "term");
  assert.deepEqual(asked, [], "evidence of loss allows no grace (S4)");
}

/** The first term ended long before its deadline, which no renewal moves any more, could end it. */
function assertEndedBy(t: TestContext, deployment: Deployment, editedAt: number): void {
  assertKilledAtOnce(deployment);
  const [first] = starts(deployment.journal);
  const last = journalOf(deployment.journal).findLast(({ token }) => token === first?.token);
  const latencyMs = last!.atMs - editedAt;
  t.diagnostic(`edited to dead: ${latencyMs.toFixed(0)} ms`);
  assert.ok(latencyMs < quick.killMs - quick.retryMs, `${latencyMs} ms is as slow as the clock`);
}

/** Waits until a replica has heard so many times that this one leads; a leader knows it anyway. */
async function knows(replica: Replica, leader: Replica, times: number): Promise<void> {
  if (replica === leader) return;
  await until(`${replica.identity} knows the leader`, () => {
    const told = replica.bin.log.all.filter((line) => line.includes("the leader is"));
    return told.length > times ? true : undefined;
  });
}
