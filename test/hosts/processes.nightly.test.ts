/** Rows P9, P10 and P14: commands that fork without end, that cannot be killed, and no memory. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { isRunning, needsPidNamespace, until } from "../support/processes.ts";
import { assertReleases, type Cluster, openCluster, timing } from "./cluster.ts";
import { mountHangingFolder } from "./fuse.ts";
import { programOf, treeUnder, untilTree } from "./observer.ts";

const pid1 = needsPidNamespace();

/** As many as a careful test of a fork bomb allows: each forks its successor and ends. */
const hoppers = 8;

/** In sessions of their own, and in the command's group. */
const forkers = `
  hop='setsid sh -c "$hop" & exit'; export hop
  i=0; while [ $i -lt ${hoppers} ]; do setsid sh -c "$hop" & i=$((i + 1)); done
  for i in 1 2 3; do (while :; do sleep 1000 & kill -9 $!; done) & done
  echo ready; trap '' TERM; while :; do sleep 0.1; done`;

const fuse = {
  skip: !existsSync("/dev/fuse") && process.env["CI"] !== "true" && "there is no /dev/fuse",
};

describe("processes", { concurrency: 1, timeout: 200_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  for (const isPid1 of [true, false]) {
    const where = isPid1 ? "as PID 1" : "not as PID 1";

    it(
      `P9 what forks without end ${where} is dead before the release`,
      isPid1 ? pid1 : {},
      async (t) => {
        const lease = `forkers-${isPid1 ? "first" : "other"}`;
        const env = { K8S_AWAIT_ELECTION_STOP_TIMEOUT: "1" };
        const argv = ["sh", "-c", forkers];
        const bin = await cluster.start(t, { lease, argv, asPid1: isPid1, env });
        await bin.output.first(/^ready/);
        await cluster.renewals(lease, 1);
        bin.signal("SIGTERM");
        const orderedAt = performance.now();
        assert.deepEqual(await bin.ended, { code: 137, signal: null });
        t.diagnostic(`it ended ${Math.round(performance.now() - orderedAt)} ms after SIGTERM`);
        assert.deepEqual(treeUnder(lease), []);
        assertReleases(cluster, lease, 1);
      },
    );

    it(`P10 a process in uninterruptible sleep ${where} is reported, and keeps the lease`, {
      skip: (isPid1 && pid1.skip) || fuse.skip,
    }, async (t) => {
      const folder = await mountHangingFolder();
      t.after(() => folder.close());
      const lease = `stuck-${isPid1 ? "first" : "other"}`;
      const script = `cat ${folder.path}/x & trap 'exit 5' TERM; echo ready; while :; do sleep 0.02; done`;
      const bin = await cluster.start(t, { lease, argv: ["sh", "-c", script], asPid1: isPid1 });
      await bin.output.first(/^ready/);
      const [stuck] = (await untilTree(lease, (tree) => tree.some(isCat), "it hangs")).filter(
        isCat,
      );
      assert.ok(stuck !== undefined);
      bin.signal("SIGTERM");
      await bin.log.first(/ERROR .*processes of the command are still there .*stuck=\d+/);
      await cluster.renewals(lease, Math.ceil(timing.killMs / timing.retryMs) + 1);
      assert.ok(isRunning(stuck));
      assert.deepEqual(cluster.seen(lease, "release"), []);
      folder.close();
      assert.deepEqual(await bin.ended, { code: 5, signal: null }, bin.log.text);
      assertReleases(cluster, lease, 1);
    });
  }

  it("P14 a command without memory ends as it would alone, and the lease is let go", async (t) => {
    const lease = "memory-of-command";
    const script = "const all = []; for (;;) all.push(new Array(100_000).fill(0));";
    const node = [process.execPath, "--max-old-space-size=20", "-e", script];
    const before = ["sh", "-c", 'ulimit -c 0; exec "$@"', "sh"];
    const bin = await cluster.start(t, { lease, argv: node, before });
    assert.deepEqual(await bin.ended, { code: 134, signal: null });
    assertReleases(cluster, lease, 1);
  });

  it("P14 the kernel kills for want of memory: no process is left as PID 1", pid1, async (t) => {
    const lease = "memory-of-container";
    const argv = ["sh", "-c", "(setsid sleep 1000 &); echo ready; exec sleep 1000"];
    const bin = await cluster.start(t, { lease, argv, asPid1: true });
    await bin.output.first(/^ready/);
    const tree = await untilTree(lease, (alive) => alive.length >= 2, "the daemon runs");
    // What the kernel sends when a container has used up its memory.
    bin.signal("SIGKILL");
    await until(() => !tree.some(isRunning), "the tree is dead", 1000);
    assert.deepEqual(cluster.seen(lease, "release"), []);
  });
});

function isCat(pid: number): boolean {
  return programOf(pid) === "cat";
}
