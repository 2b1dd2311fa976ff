/** What is done to the Lease of a leader on any API server, and what must come of it. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { ControlPlane } from "../cluster/control-plane.ts";
import { bootMs, deploy, type Deployment, gapsMs, lockName } from "../cluster/replicas.ts";
import { ourRole, type PolicyRule } from "../cluster/roles.ts";
import { until } from "../cluster/until.ts";
import { assertExclusive, journalOf, type OracleOptions, starts } from "../hosts/oracle.ts";

export const rules: readonly PolicyRule[] = ourRole(lockName);

/** Only SIGKILL ends it, and only what finds the whole tree ends its daemon. */
export const stubborn: Omit<OracleOptions, "journal"> = { deaf: true, grandchild: true };

/** Longer than the tests need, so that a busy machine loses no lease. */
export const calm: Readonly<Record<string, string>> = {
  K8S_AWAIT_ELECTION_LEASE_DURATION: "8",
  K8S_AWAIT_ELECTION_RENEW_DEADLINE: "5",
  K8S_AWAIT_ELECTION_RETRY_PERIOD: "2",
};
export const leaseMs = 8000;

/** The next renewal comes P after the last one that was seen, so before that only the watch tells. */
const reactionMs = 1500;

/**
 * Row O1: the second time within D of the first, and whether the others have heard of the new Lease or
 * not.
 */
export async function deleteTwice(
  t: TestContext,
  plane: ControlPlane,
  followers: number,
): Promise<void> {
  const deployment = await deploy(t, plane, { rules, oracle: stubborn, durations: calm });
  const leader = await deployment.startLed(1 + followers);
  for (const term of [0, 1]) {
    await untilSettled(deployment);
    const { uid } = (await deployment.operator.lease()).metadata ?? {};
    const deletedAt = bootMs();
    await deployment.operator.deleteLease();
    const { identity } = await deployment.untilStarts(term + 2);
    assert.equal(identity, leader.identity, "it is first in line (I13)");
    const { metadata, spec } = await deployment.operator.lease();
    assert.notEqual(metadata?.uid, uid);
    assert.equal(spec?.["holderIdentity"], leader.identity);
    assertKilled(t, deployment, term, deletedAt);
  }
  assertExclusive(deployment.journal);
  const gaps = gapsMs(deployment.journal);
  t.diagnostic(`dead to the next start: ${gaps.map(Math.round).join(", ")} ms`);
  assert.equal(gaps.length, 2);
  for (const gap of gaps) assert.ok(gap < leaseMs / 2, `${gap} ms is as slow as an expiry`);
}

/** Row O2. */
export async function giveAway(t: TestContext, plane: ControlPlane): Promise<void> {
  const deployment = await deploy(t, plane, { rules, oracle: stubborn, durations: calm });
  const leader = await deployment.startLed(2);
  await untilSettled(deployment);
  const editedAt = bootMs();
  await deployment.operator.patchLease({ holderIdentity: "another" });
  await leader.bin.log.first(/a candidate again/);
  assertKilled(t, deployment, 0, editedAt);
  assert.equal(await deployment.operator.holder(), "another", "nothing was released");
  assertExclusive(deployment.journal);
}

/** Waits until the command has its daemon, and then for a renewal, so that the next is a P away. */
export async function untilSettled({ operator, journal }: Deployment): Promise<void> {
  const newest = starts(journal).at(-1)?.token;
  await until("the daemon of the command", () =>
    journalOf(journal).find(({ token, role }) => token === newest && role === "grandchild"),
  );
  const { spec } = await operator.lease();
  await until("a renewal", async () => {
    const now = (await operator.lease()).spec;
    return now?.["renewTime"] === spec?.["renewTime"] ? undefined : true;
  });
}

/** This term's whole tree was ended by SIGKILL alone, and before the next renewal. */
export function assertKilled(
  t: TestContext,
  { journal }: Deployment,
  term: number,
  atMs: number,
): void {
  const { token } = starts(journal)[term]!;
  const entries = journalOf(journal).filter((entry) => entry.token === token);
  assert.ok(!entries.some(({ what }) => what === "term"), "evidence of loss allows no grace (S4)");
  assert.deepEqual([...new Set(entries.map(({ role }) => role))], ["command", "grandchild"]);
  const latencyMs = entries.at(-1)!.atMs - atMs;
  t.diagnostic(`edited to dead: ${latencyMs.toFixed(0)} ms`);
  assert.ok(latencyMs < reactionMs, `${latencyMs} ms is too slow for the watch`);
}
