/** What is to be seen of a leader beside its log: Events and annotations on the Lease, and its status. */
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { until } from "../support/processes.ts";
import type { Bin } from "./bin.ts";
import { assertReleases, calm, type Cluster, openCluster } from "./cluster.ts";
import { complaints, lacking } from "./mistakes.ts";
import { freePort } from "../cluster/server-processes.ts";

const argv = ["sh", "-c", "echo runs; exec sleep 60"];

describe("what is seen of a leader", { concurrency: 4, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  function start(t: TestContext, lease: string, env: Record<string, string> = {}): Promise<Bin> {
    return cluster.start(t, { lease, identity: lease, argv, env: { ...calm, ...env } });
  }

  /** Reason and status of each Event about this Lease, in the order in which they were sent. */
  function events(lease: string): readonly string[] {
    return cluster
      .seen(lease, "event")
      .map(({ body, status }) => `${String(body.reason)} ${status}`);
  }

  it("an Event when it leads and one when it lets go, and the same words on the Lease", async (t) => {
    const lease = "told";
    const bin = await start(t, lease, { K8S_AWAIT_ELECTION_NODE_NAME: "node-1" });
    await until(() => events(lease).length === 1, "the first Event");
    const leading = annotationsOf(lease);
    assert.equal(leading["node"], "node-1");
    assert.match(leading["version"] ?? "", /^\d+\.\d+\.\d+/);
    assert.match(leading["reason"] ?? "", /^2\S+Z claimed: there was no Lease$/);
    assert.equal(cluster.lease(lease)?.metadata?.labels?.["k8s-await-election/node"], "node-1");
    bin.signal("SIGTERM");
    assert.deepEqual(await bin.ended, { code: 143, signal: null });
    assert.deepEqual(events(lease), ["Leading 201", "Released 201"]);
    const notes = cluster.seen(lease, "event").map(({ body }) => body["note"]);
    assert.deepEqual(notes, [
      "told: leading: there was no Lease",
      "told: released the lease: received SIGTERM",
    ]);
    assert.match(annotationsOf(lease)["reason"] ?? "", /Z released: received SIGTERM$/);
    assert.deepEqual(cluster.lease(lease)?.metadata?.labels ?? {}, {}, "nobody leads");
    assertReleases(cluster, lease, 1);
  });

  function annotationsOf(lease: string): Readonly<Record<string, string>> {
    const { annotations = {} } = cluster.lease(lease)?.metadata ?? {};
    return Object.fromEntries(
      Object.entries(annotations).map(([name, value]) => [
        name.replace("k8s-await-election/", ""),
        value,
      ]),
    );
  }

  it("without Events none is sent, and without a preflight nothing is asked", async (t) => {
    const lease = "silent";
    cluster.store.deny({ user: lease, verb: "watch", resource: "leases" });
    const bin = await start(t, lease, {
      K8S_AWAIT_ELECTION_EVENTS: "0",
      K8S_AWAIT_ELECTION_PREFLIGHT: "off",
    });
    await bin.log.first(/the watch is lost/);
    bin.signal("SIGTERM");
    await bin.ended;
    assert.deepEqual(cluster.seen(lease, "event", "review"), []);
  });

  it("Events that are forbidden cost one warning, and nothing else", async (t) => {
    const lease = "no-events";
    cluster.store.deny({ user: lease, verb: "create", resource: "events" });
    const bin = await start(t, lease);
    await bin.log.first(/missing permission/);
    await cluster.renewals(lease, 2);
    bin.signal("SIGTERM");
    assert.deepEqual(await bin.ended, { code: 143, signal: null });
    assert.deepEqual(events(lease), ["Leading 403"]);
    const [complaint, ...rest] = complaints(bin);
    assert.match(complaint ?? "", lacking("create", "events"));
    assert.match(complaint ?? "", / WARN /);
    assert.deepEqual(rest, []);
    assertReleases(cluster, lease, 1);
  });

  it("an Event that is never answered delays the exit by half a second at most", async (t) => {
    const lease = "unanswered";
    const bin = await start(t, lease);
    await until(() => events(lease).length === 1, "the first Event");
    cluster.silence(lease, lease, "event");
    bin.signal("SIGTERM");
    await until(() => cluster.seen(lease, "release").length === 1, "the release");
    const releasedAt = performance.now();
    assert.deepEqual(await bin.ended, { code: 143, signal: null });
    const waitedMs = performance.now() - releasedAt;
    t.diagnostic(`release to exit: ${waitedMs.toFixed(0)} ms`);
    // A busy machine adds to the half second, but not the 2 s of the request.
    assert.ok(waitedMs < 1900, `${waitedMs} ms`);
    assertReleases(cluster, lease, 1);
  });

  it("a missing permission is on /status, and the process waits for it", async (t) => {
    const lease = "status";
    const port = await freePort();
    cluster.putLease(lease, {});
    const undeny = cluster.store.deny({ user: lease, verb: "update", resource: "leases" });
    const bin = await start(t, lease, {
      K8S_AWAIT_ELECTION_STATUS_ENDPOINT: `127.0.0.1:${port}`,
    });
    await bin.log.first(lacking("update"));
    const { permissions } = await statusAt(port);
    const [update, ...rest] = permissions?.missing ?? [];
    assert.deepEqual(rest, []);
    const { verb, resource, name, namespace, required } = update ?? {};
    assert.deepEqual(
      { verb, resource, name, namespace, required },
      { verb: "update", resource: "leases", name: lease, namespace: "default", required: true },
    );
    undeny();
    await bin.output.first(/^runs/);
  });

  it("strict, it ends with 77 where a permission is missing that it needs", async (t) => {
    const lease = "strict";
    cluster.putLease(lease, {});
    cluster.store.deny({ user: lease, verb: "update", resource: "leases" });
    const strict = { K8S_AWAIT_ELECTION_PREFLIGHT: "strict" };
    const bin = await start(t, lease, strict);
    assert.deepEqual(await bin.ended, { code: 77, signal: null });
    const [first, second] = complaints(bin).slice(-2);
    assert.match(first ?? "", lacking("update"));
    assert.match(second ?? "", /leaving for want of permissions: .*PREFLIGHT is strict/);
    assert.equal(cluster.holder(lease) ?? "", "", "the Lease is let go");

    cluster.store.deny({ user: "strict-2", verb: "create", resource: "events" });
    const other = await start(t, "strict-2", strict);
    await other.output.first(/^runs/);
    await other.log.first(lacking("create", "events"));
    assert.ok(!other.hasEnded(), "it does without Events");
  });
});

interface StatusPage {
  readonly permissions: {
    readonly missing: readonly Readonly<Record<string, unknown>>[];
  } | null;
}

async function statusAt(port: number): Promise<StatusPage> {
  const answer = await fetch(`http://127.0.0.1:${port}/status`);
  return (await answer.json()) as StatusPage;
}
