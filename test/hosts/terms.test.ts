/** What a command gets for its term, how one term follows another, and how a term is lost. */
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { until as untilFound } from "../cluster/until.ts";
import { endProcess, isRunning, until } from "../support/processes.ts";
import { type Bin, scratchFolder } from "./bin.ts";
import {
  addressesOf,
  assertEmptyBetween,
  assertReleases,
  type Cluster,
  openCluster,
  timing,
} from "./cluster.ts";
import { isEmpty, treeUnder, untilTree } from "./observer.ts";
import { assertExclusive, journalOf, type OracleOptions, oracleWords, starts } from "./oracle.ts";

/** Beyond a deadline: the watchdog's lateness, the death itself, and the oracle's last beat. */
const latenessMs = 500;

const foreign = { holderIdentity: "another", leaseDurationSeconds: 60, leaseTransitions: 7 };

/** What others do to the Lease of a leader, and whether that leader leads again in good time. */
const losses: readonly {
  readonly what: string;
  readonly again: boolean;
  readonly inflict: (cluster: Cluster, lease: string) => void;
}[] = [
  {
    what: "deleted",
    again: true,
    inflict: (cluster, lease) => cluster.removeLease(lease),
  },
  {
    what: "given to another",
    again: false,
    inflict: (cluster, lease) => cluster.putLease(lease, foreign),
  },
  {
    what: "emptied",
    again: true,
    inflict: (cluster, lease) =>
      cluster.putLease(lease, { ...cluster.lease(lease)?.spec, holderIdentity: "" }),
  },
];

describe("terms", { concurrency: 4, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  interface Team {
    readonly journal: string;
    readonly bins: ReadonlyMap<string, Bin>;
    /** The replica whose command started last. */
    leader(): Bin;
    /** Waits until so many commands have started in all. */
    started(count: number): Promise<void>;
  }

  /** Replicas with one oracle between them; the first command runs. */
  async function startTeam(
    t: TestContext,
    lease: string,
    identities: readonly string[],
    oracle: Omit<OracleOptions, "journal"> & { readonly env?: Record<string, string> } = {},
  ): Promise<Team> {
    const { env = {}, ...options } = oracle;
    const journal = `${scratchFolder(t)}/journal`;
    const argv = oracleWords({ journal, ...options });
    const bins = new Map<string, Bin>();
    for (const identity of identities) {
      bins.set(identity, await cluster.start(t, { lease, identity, argv, env }));
    }
    const team: Team = {
      journal,
      bins,
      leader: () => bins.get(String(cluster.holder(lease))) ?? assert.fail("Nobody leads"),
      async started(count) {
        await untilFound(`${count} starts`, () => starts(journal)[count - 1]);
      },
    };
    await team.started(1);
    return team;
  }

  it("S10 the command learns its term, and the next term has a greater token", async (t) => {
    const lease = "variables";
    const tokens: bigint[] = [];
    for (const term of [0, 1]) {
      const bin = await cluster.start(t, { lease, argv: ["env"] });
      assert.deepEqual(await bin.ended, { code: 0, signal: null });
      const claim = cluster.seen(lease, "claim")[term];
      assert.ok(claim !== undefined);
      const { uid, resourceVersion, annotations } = claim.answer.metadata ?? {};
      const variables = Object.fromEntries(bin.output.all.map((line) => line.split("=", 2)));
      assert.deepEqual(
        ["FENCING_TOKEN", "TERM", "LEASE_UID", "LEASE_TRANSITIONS", "IDENTITY"].map(
          (name) => variables[`K8S_AWAIT_ELECTION_${name}`],
        ),
        [resourceVersion, annotations?.["k8s-await-election/term"], uid, String(term), "one"],
      );
      tokens.push(BigInt(resourceVersion ?? ""));
    }
    assert.ok(tokens[0]! < tokens[1]!);
  });

  it("S5 the Service points to the leader before its command starts, and to nobody after", async (t) => {
    const lease = "routed";
    const env = {
      K8S_AWAIT_ELECTION_SERVICE_NAME: lease,
      K8S_AWAIT_ELECTION_SERVICE_KIND: "endpoints",
      K8S_AWAIT_ELECTION_POD_IP: "10.1.2.3",
      K8S_AWAIT_ELECTION_NODE_NAME: "node-1",
      K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: '[{"name":"http","port":80}]',
    };
    const team = await startTeam(t, lease, ["one"], { stopMs: 100, env });
    assert.deepEqual(cluster.endpoints(lease)?.["subsets"], [
      {
        addresses: [{ ip: "10.1.2.3", nodeName: "node-1" }],
        ports: [{ name: "http", port: 80, protocol: "TCP" }],
      },
    ]);
    const [publishing] = written(cluster, lease);
    assert.deepEqual(publishing?.tree, [], "the command had not started");
    team.leader().signal("SIGTERM");
    assert.deepEqual(await team.bins.get("one")?.ended, { code: 0, signal: null });
    assert.equal(written(cluster, lease).length, 2);
    assert.deepEqual(addressesOf(cluster.endpoints(lease)), []);
    const [release] = cluster.seen(lease, "release");
    assert.deepEqual(release?.addresses, [], "they were withdrawn before the release");
    assertReleases(cluster, lease, 1);
  });

  it("L2 three replicas hand over, each after the other's command has ended", async (t) => {
    const lease = "hand-over";
    const team = await startTeam(t, lease, ["one", "two", "three"], { stopMs: 300, code: 7 });
    for (const term of [1, 2, 3]) {
      const leader = team.leader();
      leader.signal("SIGTERM");
      assert.deepEqual(await leader.ended, { code: 7, signal: null });
      if (term < 3) await team.started(term + 1);
    }
    assert.equal(starts(team.journal).length, 3);
    const stops = journalOf(team.journal).filter(({ what }) => what === "stop");
    const gaps = starts(team.journal)
      .slice(1)
      .map(({ atMs }, at) => atMs - stops[at]!.atMs);
    t.diagnostic(
      `from one command's end to the next one's start: ${gaps.map(Math.round).join(", ")} ms`,
    );
    // No expiry was waited for.
    assert.ok(gaps.every((gapMs) => gapMs < timing.leaseMs));
    assertExclusive(team.journal);
    assertReleases(cluster, lease, 3);
  });

  it("L1 a replica that dies with its command is followed after the lease's duration", async (t) => {
    const lease = "crash";
    const team = await startTeam(t, lease, ["one", "two", "three"], { grandchild: true });
    await cluster.renewals(lease, 1);
    const leader = team.leader();
    leader.signal("SIGKILL");
    await leader.ended;
    while (treeUnder(lease).length > 0) {
      for (const pid of treeUnder(lease)) endProcess(pid);
    }
    const renewal = cluster.seen(lease, "renewal").at(-1);
    await team.started(2);
    const next = starts(team.journal)[1];
    assert.ok(next !== undefined && renewal !== undefined);
    t.diagnostic(`the next command ran ${Math.round(next.atMs - renewal.atMs)} ms after a renewal`);
    assert.ok(next.atMs - renewal.atMs >= timing.leaseMs);
    assertExclusive(team.journal);
    assertEmptyBetween(cluster, lease);
  });

  for (const { what, again, inflict } of losses) {
    it(`S4 a leader whose lease is ${what} kills its tree before its next renewal`, async (t) => {
      const lease = `lost-${what.replaceAll(" ", "-")}`;
      const team = await startTeam(t, lease, ["one"], { deaf: true, grandchild: true });
      await untilTree(lease, (tree) => tree.length >= 2, "the daemon runs");
      // The next one is a second away, so that what comes before it comes by the watch.
      await cluster.renewals(lease, 1);
      const tree = treeUnder(lease);
      const written = cluster.seen(lease, "renewal").length;
      inflict(cluster, lease);
      await until(() => !tree.some(isRunning), "the tree is dead", timing.retryMs);
      assert.equal(cluster.seen(lease, "renewal").length, written);
      await team.bins.get("one")?.log.first(/lost the lease/);
      await team.bins.get("one")?.log.first(/a candidate again/);
      if (again) await team.started(2);
      assertExclusive(team.journal);
      assertEmptyBetween(cluster, lease);
      assert.equal(team.bins.get("one")?.hasEnded(), false);
    });
  }

  it("L5 with ON_LOSS=exit a leader that lost the lease ends with 1", async (t) => {
    const env = { K8S_AWAIT_ELECTION_ON_LOSS: "exit" };
    const team = await startTeam(t, "exit-on-loss", ["one"], { deaf: true, env });
    cluster.putLease("exit-on-loss", foreign);
    assert.deepEqual(await team.bins.get("one")?.ended, { code: 1, signal: null });
    assert.deepEqual(treeUnder("exit-on-loss"), []);
    assert.deepEqual(cluster.seen("exit-on-loss", "release"), []);
  });

  it("S3 without answers the command has SIGTERM by G, is dead by H, and another follows", async (t) => {
    const lease = "silence";
    const team = await startTeam(t, lease, ["one"], { deaf: true, grandchild: true });
    const one = team.bins.get("one") ?? assert.fail();
    const argv = oracleWords({ journal: team.journal });
    await cluster.start(t, { lease, identity: "two", argv });
    await cluster.renewals(lease, 1);
    const speak = cluster.silence(lease, "one");
    const confirmed = cluster.seen(lease, "renewal").at(-1);
    await one.log.first(/lost the lease/);
    await untilTree(lease, isEmpty, "the tree is dead");
    await team.started(2);
    const first = journalOf(team.journal).filter(
      ({ token }) => token === starts(team.journal)[0]?.token,
    );
    const term = first.find((entry) => entry.what === "term");
    const last = first.at(-1);
    assert.ok(term !== undefined && last !== undefined && confirmed !== undefined);
    const sinceMs = [term, last].map(({ atMs }) => Math.round(atMs - confirmed.atMs));
    t.diagnostic(
      `SIGTERM and the last beat came ${sinceMs.join(" and ")} ms after the last renewal`,
    );
    const [termMs, lastMs] = sinceMs as [number, number];
    assert.ok(timing.stopMs - 250 < termMs && termMs < timing.stopMs + latenessMs);
    assert.ok(lastMs < timing.killMs + latenessMs);
    assertExclusive(team.journal);
    speak();
    await one.log.first(/a candidate again/);
    await one.log.first(/the leader is "two"/);
    assert.equal(one.hasEnded(), false);
    assertEmptyBetween(cluster, lease);
  });
});

/** The writes of the Service's Endpoints. */
function written(cluster: Cluster, lease: string): ReturnType<Cluster["seen"]> {
  return cluster.seen(lease, "endpoints").filter(({ body }) => body.kind === "Endpoints");
}
