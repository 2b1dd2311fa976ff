/** Row X9 where tokens end at once; the real server trusts one for a while after it checked it. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { bootMs, type Cluster, openCluster, timing } from "../hosts/cluster.ts";
import { scratchFolder } from "../hosts/bin.ts";
import { assertExclusive, journalOf, oracleWords, starts } from "../hosts/oracle.ts";
import { until } from "../support/processes.ts";

/** E: before it nobody else may lead. */
const endMs = timing.killMs + 1000;

describe("a pod that was deleted by force", () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster?.close());

  it("N15 X9 its process lives on without a token: stopped by H, and then it asks rarely", async (t) => {
    const lease = "force-deleted";
    const journal = `${scratchFolder(t)}/journal`;
    const argv = oracleWords({ journal, deaf: true, grandchild: true });
    const deleted = await cluster.start(t, { lease, identity: "deleted", argv });
    await deleted.output.first(/^grandchild \d+ runs/);
    const other = await cluster.start(t, { lease, identity: "other", argv });
    await other.log.first(/the leader is "deleted"/);
    await cluster.renewals(lease, 1);
    cluster.store.revoke(`token-of-${lease}-deleted`);
    const renewedAt = cluster
      .seen(lease, "claim", "renewal")
      .findLast(({ status }) => status < 300)!.atMs;

    await until(() => starts(journal).length === 2, "the other one leads");
    const [first, second] = starts(journal);
    const last = journalOf(journal).findLast(({ token }) => token === first!.token)!;
    const livedMs = last.atMs - renewedAt;
    const waitedMs = second!.atMs - renewedAt;
    t.diagnostic(
      `since the last renewal: its end ${livedMs.toFixed(0)}, the next ${waitedMs.toFixed(0)} ms`,
    );
    assert.ok(livedMs < endMs, `its tree lived for ${livedMs} ms`);
    assert.ok(waitedMs >= timing.leaseMs - 20, `only ${waitedMs} ms`);
    assert.ok(waitedMs <= timing.leaseMs + timing.retryMs, `as much as ${waitedMs} ms`);
    assertExclusive(journal);

    await deleted.log.first(/a candidate again/);
    await cluster.renewals(lease, 4);
    const asked = cluster
      .seen(lease, "get", "claim", "renewal", "release")
      .filter(({ replica, atMs }) => replica.identity === "deleted" && atMs > last.atMs);
    const perRetry = asked.length / ((bootMs() - last.atMs) / timing.retryMs);
    t.diagnostic(`${asked.length} requests as a candidate, ${perRetry.toFixed(1)} in each P`);
    assert.deepEqual(new Set(asked.map(({ status }) => status)), new Set([401]), "it asks at all");
    assert.ok(perRetry <= 1, "no tight loop");
    assert.ok(!deleted.hasEnded());
  });
});
