/**
 * What a replica may and may not do, as a real kube-apiserver sees to it: Roles, tokens that end,
 * and refusals. Its audit log tells how often it was asked.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { assertExclusive, journalOf, starts } from "../hosts/oracle.ts";
import { type Audit, type AuditedRequest, openAudit } from "./audit.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import {
  accountName,
  asBootMs,
  deploy,
  type Deployment,
  gapsMs,
  lockName,
  quick,
  renewedAtMs,
} from "./replicas.ts";
import { originalRole, ourRole, type PolicyRule, roleWithoutWatch } from "./roles.ts";
import { freePort } from "./server-processes.ts";
import { until } from "./until.ts";

describe("rights on a real kube-apiserver", { concurrency: 3 }, () => {
  let audit: Audit;
  let plane: ControlPlane;
  before(async () => {
    audit = await openAudit();
    plane = await startControlPlane({ apiServerFlags: audit.flags });
  });
  after(async () => {
    await plane?.close();
    await audit?.remove();
  });

  const rules = ourRole(lockName);

  /** The requests of this verb about Leases that were answered so. */
  async function requests(
    { namespace }: { namespace: string },
    verb: string,
    status: number,
  ): Promise<readonly AuditedRequest[]> {
    const all = await audit.requests(namespace);
    return all.filter((it) => it.verb === verb && it.status === status && it.resource === "leases");
  }

  it("L2 without the right to watch, polling hands over within P", async (t) => {
    const deployment = await deploy(t, plane, { rules: roleWithoutWatch });
    let leader = await deployment.startLed(3);
    for (const next of [2, 3]) {
      leader.bin.signal("SIGTERM");
      leader = await deployment.untilStarts(next);
    }
    const gaps = gapsMs(deployment.journal);
    t.diagnostic(`end of a command to the next one: ${gaps.map((ms) => ms.toFixed(0)).join()} ms`);
    for (const gap of gaps) assert.ok(gap < quick.leaseMs / 2, `${gap} ms is as slow as an expiry`);
    assertExclusive(deployment.journal);
    const refused = await requests(deployment, "watch", 403);
    for (const { identity, bin } of deployment.replicas) {
      assert.match(bin.log.text, /WARN .*watch.* 403/);
      assert.equal(refused.filter(({ pod }) => pod === identity).length, 1, "asked once a minute");
    }
  });

  it("N14 a token that ends is replaced from its file within the same term", async (t) => {
    const deployment = await deploy(t, plane, { rules });
    const leader = await deployment.startLed(3);
    for (const { pod, mount } of deployment.replicas) {
      await deployment.operator.deletePod(pod);
      // The next pod of this name, so that its token outlives the first one's.
      await mount.rotate(await deployment.token(await deployment.makePod(pod.name)));
    }
    await untilRefused(deployment);
    await untilRenewed(deployment);
    assert.equal(starts(deployment.journal).length, 1, "the same command goes on");
    assert.match(leader.bin.log.text, /cannot write the lease .*401:/);
    assert.match(leader.bin.log.text, /can write the lease again/);
    const stoppedAt = Date.now();
    leader.bin.signal("SIGTERM");
    await deployment.untilStarts(2);
    assertExclusive(deployment.journal);
    const isSince = ({ atMs }: AuditedRequest) => atMs >= stoppedAt;
    const refused = (await requests(deployment, "update", 401)).filter(isSince);
    const claims = (await requests(deployment, "update", 200)).filter(isSince);
    const claim = claims.find(({ pod }) => pod !== leader.identity);
    const lostMs = claim!.atMs - (refused[0] ?? claim)!.atMs;
    t.diagnostic(`a follower's first claim to the one with the new token: ${lostMs} ms`);
    assert.ok(lostMs < quick.retryMs / 2, `a follower, too, asks again at once: ${lostMs} ms`);
  });

  it("N14 a new token that comes late, and still before G, saves the term", async (t) => {
    const deployment = await deploy(t, plane, { rules });
    const leader = await deployment.startLed(1);
    await deployment.operator.deletePod(leader.pod);
    const token = await deployment.token(await deployment.makePod(leader.identity));
    await leader.bin.log.first(/cannot write the lease .*401:/);
    await leader.mount.rotate(token);
    await untilRenewed(deployment);
    assert.equal(starts(deployment.journal).length, 1, "the same command goes on");
    assertExclusive(deployment.journal);
  });

  it("N15 X9 a deleted pod whose process lives on stops by H, and another leads", async (t) => {
    const deployment = await deploy(t, plane, { rules, oracle: { deaf: true, grandchild: true } });
    const leader = await deployment.startLed(3);
    await deployment.operator.deletePod(leader.pod);
    await untilRefused(deployment);
    const renewedAt = asBootMs(renewedAtMs(await deployment.operator.lease()));
    const next = await deployment.untilStarts(2);
    assert.notEqual(next, leader);
    const [first] = starts(deployment.journal);
    const last = journalOf(deployment.journal).findLast(({ token }) => token === first?.token);
    const livedMs = last!.atMs - renewedAt;
    t.diagnostic(`last renewal to the end of the tree: ${livedMs.toFixed(0)} ms`);
    assert.ok(livedMs < quick.endMs, "the tree is gone before anybody else may lead");
    assertExclusive(deployment.journal);
    assert.ok(!leader.bin.hasEnded(), "it is a candidate again");
    assert.match(leader.bin.log.text, /cannot write the lease .*401:/);
    await leader.bin.log.first(/a candidate again/);
    await assertNoTightLoop(deployment, 401);
  });

  it("N16 403 on update says so, ends the term by H, and is not asked again and again", async (t) => {
    const deployment = await deploy(t, plane, { rules });
    const leader = await deployment.startLed(2);
    await deployment.operator.setRules(accountName, withoutVerb(rules, "update"));
    await leader.bin.log.first(/cannot write the lease .*403: .*cannot update resource .*leases/);
    await leader.bin.log.first(/the lease could not be renewed in time: stopping the command/);
    await leader.bin.log.first(/a candidate again/);
    const follower = deployment.replicas.find((replica) => replica !== leader)!;
    await follower.bin.log.first(/cannot write the lease .*403: .*cannot update resource .*leases/);
    await assertNoTightLoop(deployment, 403);
    await deployment.operator.setRules(accountName, rules);
    await deployment.untilStarts(2);
    assertExclusive(deployment.journal);
  });

  it("N16 a namespace without rights, or that is missing, is told and not led in", async (t) => {
    const deployment = await deploy(t, plane, { rules });
    for (const namespace of ["kube-system", "no-such-namespace"]) {
      const { bin } = await deployment.start({ K8S_AWAIT_ELECTION_LOCK_NAMESPACE: namespace });
      await bin.log.first(new RegExp(`cannot read the lease .*403: .*namespace .*${namespace}`));
      await until("a second look", async () =>
        (await requests({ namespace }, "get", 403)).length > 1 ? true : undefined,
      );
      bin.signal("SIGTERM");
      assert.deepEqual(await bin.ended, { code: 143, signal: null });
      assert.equal(bin.output.text, "");
    }
  });

  it("X12 the original's manifest works as it is", async (t) => {
    const deployment = await deploy(t, plane, { rules: originalRole, durations: {} });
    const port = await freePort();
    const { bin } = await deployment.start({
      K8S_AWAIT_ELECTION_NAME: "my-server",
      K8S_AWAIT_ELECTION_LOCK_NAME: "my-server",
      K8S_AWAIT_ELECTION_STATUS_ENDPOINT: `:${port}`,
      K8S_AWAIT_ELECTION_SERVICE_NAME: "my-service",
      K8S_AWAIT_ELECTION_SERVICE_NAMESPACE: deployment.namespace,
      K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: '[{"name":"my-port","port":1024}]',
      K8S_AWAIT_ELECTION_POD_IP: "10.1.2.3",
      K8S_AWAIT_ELECTION_NODE_NAME: "node-1",
    });
    await deployment.untilStarts(1);
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    assert.deepEqual([answer.status, await answer.text()], [200, '{"status": "ok"}']);
    const path = `/api/v1/namespaces/${deployment.namespace}/endpoints/my-service`;
    assert.deepEqual((await deployment.operator.call("GET", path))["subsets"], [
      {
        addresses: [{ ip: "10.1.2.3", nodeName: "node-1" }],
        ports: [{ name: "my-port", port: 1024, protocol: "TCP" }],
      },
    ]);
    assert.doesNotMatch(bin.log.text, /ERROR|cannot/);
    bin.signal("SIGTERM");
    assert.deepEqual(await bin.ended, { code: 0, signal: null });
  });

  /** The API server trusts a token for 10 s after it checked it, so this takes a while. */
  async function untilRefused(deployment: Deployment): Promise<void> {
    await until("a write refused with 401", async () =>
      (await requests(deployment, "update", 401)).length > 0 ? true : undefined,
    );
  }

  /** Retries of a leader are dense by intent; those of a candidate are not, and grow rare. */
  async function assertNoTightLoop({ namespace }: Deployment, status: number): Promise<void> {
    const from = Date.now();
    await pause(6 * quick.retryMs);
    const all = await audit.requests(namespace);
    const refused = all.filter((it) => it.status === status && it.atMs >= from);
    for (const pod of new Set(refused.map((it) => it.pod))) {
      const own = refused.filter((it) => it.pod === pod);
      const told = own.map(({ verb, atMs }) => `${verb} +${atMs - from}`).join(", ");
      assert.ok(own.length <= 6, `more than one refusal in P: ${told}`);
    }
  }
});

function withoutVerb(rules: readonly PolicyRule[], verb: string): readonly PolicyRule[] {
  return rules.map((rule) => ({ ...rule, verbs: rule.verbs.filter((it) => it !== verb) }));
}

/** Two writes more than there are now. */
async function untilRenewed({ operator }: Deployment): Promise<void> {
  const version = async () => Number((await operator.lease()).metadata?.resourceVersion);
  for (let round = 0, known = await version(); round < 2; round += 1) {
    known = await until("a renewal", async () => {
      const now = await version();
      return now > known ? now : undefined;
    });
  }
}
