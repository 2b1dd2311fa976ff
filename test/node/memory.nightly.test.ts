/** Rows C10 and P14: the garbage collector's storms, and no memory left for the supervisor. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isRunning, needsPidNamespace, until } from "../support/processes.ts";
import { scratchFolder } from "../hosts/bin.ts";
import { type Cluster, openCluster, timing } from "../hosts/cluster.ts";
import { treeUnder } from "../hosts/observer.ts";
import { journalOf, oracleWords } from "../hosts/oracle.ts";
import { killBoundMs } from "../hosts/pauses.ts";
import { planted } from "./plant.ts";

const lateMs = 100;
const tickMs = 10;

describe("memory", { concurrency: 1, timeout: 200_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  it("C10 in storms of the garbage collector the tree is dead by H", async (t) => {
    const lease = "storms";
    const journal = `${scratchFolder(t)}/journal`;
    const argv = oracleWords({ journal, deaf: true, grandchild: true });
    const bin = await cluster.start(t, { lease, argv, env: planted({ litterMb: 4 }) });
    await bin.output.first(/^grandchild \d+ runs/);
    await cluster.renewals(lease, 2);
    const tree = treeUnder(lease);
    cluster.silence(lease, "one");
    const renewal = cluster.seen(lease, "renewal").at(-1);
    await until(() => !tree.some(isRunning), "the tree is dead", 20_000);
    const old = journalOf(journal).filter(({ pid }) => tree.includes(pid));
    const last = old.at(-1);
    assert.ok(renewal !== undefined && last !== undefined);
    const afterMs = last.atMs - renewal.atMs;
    t.diagnostic(
      `the last beat came ${Math.round(afterMs)} ms after the last renewal, H is ${timing.killMs}`,
    );
    assert.ok(afterMs <= timing.killMs + killBoundMs(lateMs) + tickMs, `${afterMs} ms`);
  });

  it(
    "P14 a supervisor without memory takes its tree along as PID 1",
    needsPidNamespace(),
    async (t) => {
      const lease = "exhausted-memory";
      const journal = `${scratchFolder(t)}/journal`;
      const argv = oracleWords({ journal, deaf: true, grandchild: true });
      const env = planted({ fault: { type: "exhaust" } });
      const bin = await cluster.start(t, {
        lease,
        argv,
        asPid1: true,
        env: { ...env, NODE_OPTIONS: `${env["NODE_OPTIONS"]} --max-old-space-size=40` },
        before: ["sh", "-c", 'ulimit -c 0; exec "$@"', "sh"],
      });
      await bin.output.first(/^grandchild \d+ runs/);
      const tree = treeUnder(lease);
      bin.signal("SIGPIPE");
      await bin.ended;
      await until(() => !tree.some(isRunning), "the tree is dead", 1000);
      assert.deepEqual(cluster.seen(lease, "release"), []);
    },
  );
});
