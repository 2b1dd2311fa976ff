/** Row F4: what a machine may lack; it works all the same, or says so before there is a lease. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { assertReleases, calm, type Cluster, openCluster } from "./cluster.ts";
import { treeUnder } from "./observer.ts";

/** Sets something up in mount namespaces of its own, and then becomes what follows. */
const apart = (script: string) => [
  "unshare",
  "--mount",
  "sh",
  "-c",
  `${script} && exec "$@"`,
  "sh",
];

/** Nobody's number, so that nothing else counts against the limit. */
const user = 65_533;

const works = [
  { what: "32 file descriptors", before: ["sh", "-c", 'ulimit -n 32; exec "$@"', "sh"] },
  {
    what: "a file system that is read-only",
    before: apart("mount -o remount,ro,bind / && ! touch /x"),
  },
  { what: "no temporary folder", before: apart("export TMPDIR=/no/such/folder") },
] as const;

describe("resources", { concurrency: 4, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  for (const { what, before } of works) {
    it(`F4 with ${what} it leads, renews and releases`, async (t) => {
      const lease = what.replaceAll(" ", "-");
      const argv = ["sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.02; done"];
      const bin = await cluster.start(t, { lease, argv, before, env: calm });
      await bin.output.first(/^ready/);
      await cluster.renewals(lease, 2);
      bin.signal("SIGTERM");
      assert.deepEqual(await bin.ended, { code: 5, signal: null }, bin.log.text);
      assertReleases(cluster, lease, 1);
    });
  }

  it("F4 without /proc it refuses before there is a lease", async (t) => {
    const lease = "no-proc";
    const before = apart("umount -l /proc");
    const bin = await cluster.start(t, { lease, argv: ["true"], before });
    assert.deepEqual(await bin.ended, { code: 127, signal: null });
    assert.match(bin.log.text, /Cannot follow the command's processes/);
    assert.deepEqual(cluster.seen(lease), []);
  });

  it("F4 where no process can be made for the moment the lease is let go, and led again later", async (t) => {
    const lease = "no-process";
    cluster.putLease(lease, { holderIdentity: "another", leaseDurationSeconds: 60 });
    // Root is exempt from the limit; another user is not, and has to be able to read everything.
    const capabilities = "+dac_override,+dac_read_search";
    const before = ["setpriv", `--reuid=${user}`, "--clear-groups", `--inh-caps=${capabilities}`];
    const bin = await cluster.start(t, {
      lease,
      argv: ["sh", "-c", "echo runs; exec sleep 60"],
      before: [...before, `--ambient-caps=${capabilities}`],
    });
    await bin.log.first(/the leader is "another"/);
    limitProcesses(bin.pid, 1);
    cluster.releaseLease(lease);
    await bin.log.first(/cannot be started .*EAGAIN/);
    await bin.log.first(/released the lease/);
    assertReleases(cluster, lease, 1);
    assert.deepEqual(treeUnder(lease), []);
    limitProcesses(bin.pid, 1000);
    await bin.output.first(/^runs/);
    assert.equal(bin.hasEnded(), false);
  });
});

/** Asks as the same user, who may do that to his own processes. */
function limitProcesses(pid: number, count: number): void {
  const words = ["prlimit", "--pid", String(pid), `--nproc=${count}:`];
  const argv = [`--reuid=${user}`, "--clear-groups", ...words];
  const { status, stderr } = spawnSync("setpriv", argv, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}
