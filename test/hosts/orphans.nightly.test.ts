/** Row P12: ten thousand orphans of the command, reaped, or left as zombies where the host cannot. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { until } from "../cluster/until.ts";
import { contentOf, needsPidNamespace } from "../support/processes.ts";
import { isNodeHost } from "./bin.ts";
import { assertReleases, calm, type Cluster, openCluster, timing } from "./cluster.ts";

const orphans = 10_000;

/** Each is forked by a process that has ended when it ends itself. */
const script = `
  for (1 .. ${orphans}) {
    if (fork == 0) {
      if (fork == 0) { select(undef, undef, undef, 0.01) }
      exit;
    }
    wait;
  }
  syswrite(STDOUT, "ready\\n");
  $SIG{TERM} = sub { exit 5 };
  sleep 1 while 1;`;

describe("orphans", { timeout: 300_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  it(
    `P12 ${orphans} orphans cost no renewal and no flood of lines, and the release comes`,
    needsPidNamespace(),
    async (t) => {
      const lease = "orphans";
      const argv = ["perl", "-e", script];
      const bin = await cluster.start(t, { lease, argv, asPid1: true, env: calm });
      await bin.output.first(/^ready/, 0, 120_000);
      const left = () => childrenOf(bin.pid).filter(isZombie).length;
      const expected = isNodeHost ? orphans : 0;
      await until(`${expected} zombies`, () => left() === expected || undefined);
      const renewals = await cluster.renewals(lease, 5);
      const gapsMs = renewals.slice(1).map(({ atMs }, at) => atMs - (renewals[at]?.atMs ?? 0));
      assert.ok(
        gapsMs.every((gapMs) => gapMs < 2 * timing.retryMs),
        gapsMs.join(" "),
      );
      assert.equal(cluster.seen(lease, "claim").length, 1);
      bin.signal("SIGTERM");
      const orderedAt = performance.now();
      assert.deepEqual(await bin.ended, { code: 5, signal: null });
      t.diagnostic(`ended ${Math.round(performance.now() - orderedAt)} ms after SIGTERM`);
      assert.ok(bin.log.all.length < 20, bin.log.text);
      assertReleases(cluster, lease, 1);
    },
  );
});

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    contentOf(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
}

function isZombie(pid: number): boolean {
  return /\) Z /.test(contentOf(`/proc/${pid}/stat`));
}
