/** Rows C7, C8 and P15: a loop that hangs, a guard that is gone, and bugs of ours in every phase. */
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { needsPidNamespace } from "../support/processes.ts";
import { type Bin, scratchFolder } from "../hosts/bin.ts";
import { assertEmptyBetween, calm, type Cluster, openCluster } from "../hosts/cluster.ts";
import { isEmpty, treeUnder, untilTree } from "../hosts/observer.ts";
import { oracleWords } from "../hosts/oracle.ts";
import { blockLoop } from "./blocked.ts";
import { type Fault, type Plant, planted } from "./plant.ts";

const pid1 = needsPidNamespace();

/** How a replica is brought into each phase, and left there. */
const phases: Readonly<
  Record<string, (cluster: Cluster, lease: string, bin: Bin) => Promise<void>>
> = {
  following: async (_cluster, _lease, bin) => {
    await bin.log.first(/the leader is/);
  },
  claiming: async (_cluster, _lease, bin) => {
    await bin.log.first(/claiming the lease/);
  },
  leading: async (_cluster, _lease, bin) => {
    await bin.output.first(/^grandchild \d+ runs/);
  },
  draining: async (_cluster, _lease, bin) => {
    await bin.output.first(/^grandchild \d+ runs/);
    bin.signal("SIGTERM");
    await bin.log.first(/received SIGTERM/);
  },
  releasing: async (cluster, lease, bin) => {
    await bin.output.first(/^grandchild \d+ runs/);
    cluster.silence(lease, "one", "release");
    bin.signal("SIGTERM");
    await bin.log.first(/the command has ended/);
    await untilTree(lease, isEmpty, "the tree is empty");
  },
};

interface StartOptions {
  readonly asPid1?: boolean;
  readonly deaf?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** What the process may use; no core dump is left behind unless told. */
  readonly limit?: string;
}

describe("faults", { concurrency: 4, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  async function start(
    t: TestContext,
    lease: string,
    plant: Plant,
    options: StartOptions = {},
  ): Promise<Bin> {
    const { asPid1 = false, deaf = true, limit = "ulimit -c 0" } = options;
    const journal = `${scratchFolder(t)}/journal`;
    const argv = oracleWords({ journal, deaf, grandchild: true });
    const env = { ...planted(plant), ...options.env };
    const before = ["sh", "-c", `${limit}; exec "$@"`, "sh"];
    return cluster.start(t, { lease, argv, env, asPid1, before });
  }

  it("C7 a loop blocked for 1 s costs no renewal", async (t) => {
    const bin = await start(t, "blocked-shortly", { fault: { type: "block", ms: 1000 } });
    await bin.output.first(/^grandchild \d+ runs/);
    await cluster.renewals("blocked-shortly", 1);
    bin.signal("SIGPIPE");
    await cluster.renewals("blocked-shortly", 3);
    assert.equal(cluster.seen("blocked-shortly", "claim").length, 1);
    assert.doesNotMatch(bin.log.text, /lost the lease|could not be renewed/);
  });

  it("C7 a loop blocked for 7 s: the guard kills by H, and another follows", (t) =>
    blockLoop(t, cluster, 7000));

  for (const type of ["endGuard", "stallGuard"] as const) {
    const what = type === "endGuard" ? "ends" : "stalls";
    it(`C8 a guard that ${what}: the tree is killed, the lease released, and it ends with 70`, async (t) => {
      const lease = `guard-${what}`;
      const bin = await start(t, lease, { fault: { type } });
      await bin.output.first(/^grandchild \d+ runs/);
      await cluster.renewals(lease, 1);
      bin.signal("SIGPIPE");
      assert.deepEqual(await bin.ended, { code: 70, signal: null }, bin.log.text);
      assert.match(bin.log.text, /the watchdog is gone/);
      assert.deepEqual(treeUnder(lease), []);
      assertEmptyBetween(cluster, lease);
      assert.equal(cluster.holder(lease), "");
    });
  }

  for (const [phase, bring] of Object.entries(phases)) {
    it(`P15 an uncaught exception while ${phase} kills the tree and releases nothing: 70`, async (t) => {
      const lease = `fault-${phase}`;
      const another = { holderIdentity: "another", leaseDurationSeconds: 60 };
      if (phase === "following") cluster.putLease(lease, another);
      if (phase === "claiming") cluster.silence(lease, "one", "claim");
      const deaf = phase !== "releasing";
      const bin = await start(t, lease, { fault: { type: "throw" } }, { deaf, env: calm });
      await bring(cluster, lease, bin);
      bin.signal("SIGPIPE");
      assert.deepEqual(await bin.ended, { code: 70, signal: null }, bin.log.text);
      assert.match(bin.log.text, /this is a bug: .*planted/);
      assert.deepEqual(treeUnder(lease), []);
      assert.deepEqual(cluster.seen(lease, "release"), []);
      const hasLed = phase !== "following" && phase !== "claiming";
      if (hasLed) assert.equal(cluster.holder(lease), "one");
    });
  }

  const faults: readonly {
    readonly type: Fault["type"];
    readonly what: string;
    readonly message: RegExp;
  }[] = [
    { type: "reject", what: "an unhandled rejection", message: /this is a bug: .*planted/ },
    { type: "overflow", what: "a stack overflow", message: /this is a bug: .*Maximum call stack/ },
  ];
  for (const { type, what, message } of faults) {
    it(`P15 ${what} while leading kills the tree and releases nothing: 70`, async (t) => {
      const lease = `fault-${type}`;
      const bin = await start(t, lease, { fault: { type } as Fault });
      await bin.output.first(/^grandchild \d+ runs/);
      bin.signal("SIGPIPE");
      assert.deepEqual(await bin.ended, { code: 70, signal: null }, bin.log.text);
      assert.match(bin.log.text, message);
      assert.deepEqual(treeUnder(lease), []);
      assert.deepEqual(cluster.seen(lease, "release"), []);
      assert.equal(cluster.holder(lease), "one");
    });
  }

  it("F4 S14 without a file descriptor left it ends with 70 at the latest when it is told to stop", async (t) => {
    const lease = "exhausted";
    const bin = await start(t, lease, { fault: { type: "hoard" } }, { limit: "ulimit -n 64" });
    await bin.output.first(/^grandchild \d+ runs/);
    bin.signal("SIGPIPE");
    // The leader can go on by the connection that it has; to stop the tree it has to look for it.
    bin.signal("SIGTERM");
    assert.deepEqual(await bin.ended, { code: 70, signal: null }, bin.log.text);
    assert.deepEqual(treeUnder(lease), []);
    assertEmptyBetween(cluster, lease);
  });

  it("P15 abort() as PID 1 takes the tree with it", pid1, async (t) => {
    const bin = await start(t, "abort", { fault: { type: "abort" } }, { asPid1: true });
    await bin.output.first(/^grandchild \d+ runs/);
    bin.signal("SIGPIPE");
    await bin.ended;
    await untilTree("abort", isEmpty, "the tree is dead", 1000);
    assert.deepEqual(cluster.seen("abort", "release"), []);
  });
});
