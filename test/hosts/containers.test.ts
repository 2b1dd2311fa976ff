/** Rows P11, P18 and P20: who else is in the container, and whom the entry point may not kill. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync } from "node:fs";
import { after, before, describe, it, type TestContext } from "node:test";
import {
  contentOf,
  endProcess,
  isRunning,
  needsPidNamespace,
  until,
} from "../support/processes.ts";
import { type Bin, scratchFolder } from "./bin.ts";
import { assertReleases, type Cluster, openCluster, timing } from "./cluster.ts";
import { isEmpty, programOf, treeUnder, untilTree } from "./observer.ts";
import { assertExclusive, oracleWords } from "./oracle.ts";

const pid1 = needsPidNamespace();

/** A supervisor that may signal its own user's processes only, as any but root may. */
const withoutKill = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill"];

/** Its command leaves a process of another user behind, whose pid in the namespace it tells. */
const leavesAnother = `setpriv --reuid=65534 --clear-groups sleep 1000 & echo another $!
  trap 'exit 5' TERM; while :; do sleep 0.02; done`;

describe("containers", { concurrency: 4, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  for (const isPid1 of [true, false]) {
    const where = isPid1 ? "as PID 1" : "not as PID 1";
    it(
      `P11 a process of another user ${where} that cannot be killed is reported, and keeps the lease`,
      isPid1 ? pid1 : {},
      async (t) => {
        const lease = `another-user-${isPid1 ? "first" : "other"}`;
        const argv = ["sh", "-c", leavesAnother];
        const bin = await cluster.start(t, { lease, argv, asPid1: isPid1, before: withoutKill });
        await bin.output.first(/^another \d+/);
        const [another] = await untilTree(
          lease,
          (tree) => tree.some((pid) => programOf(pid) === "sleep" && isOfNobody(pid)),
          "the other user's process runs",
        ).then((tree) => tree.filter(isOfNobody));
        bin.signal("SIGTERM");
        await bin.log.first(/ERROR .*processes of the command are still there/);
        // Past every deadline of the last renewal before.
        await cluster.renewals(lease, Math.ceil(timing.killMs / timing.retryMs) + 1);
        assert.ok(another !== undefined && isRunning(another));
        assert.deepEqual(cluster.seen(lease, "release"), []);
        assert.equal(bin.hasEnded(), false);
        endProcess(another);
        assert.deepEqual(await bin.ended, { code: 5, signal: null }, bin.log.text);
        assertReleases(cluster, lease, 1);
      },
    );
  }

  it("P18 with a shared PID namespace another container's processes live on", pid1, async (t) => {
    const lease = "shared";
    const journal = `${scratchFolder(t)}/journal`;
    // PID 1 is somebody else's, and lives on when the entry point has ended.
    const pause = 'sleep 1000 & "$@" & wait $!; echo "ended $?"; wait';
    const bin = await cluster.start(t, {
      lease,
      argv: oracleWords({ journal, deaf: true, grandchild: true }),
      asPid1: true,
      before: ["sh", "-c", pause, "sh"],
      env: { K8S_AWAIT_ELECTION_STOP_TIMEOUT: "1" },
    });
    await bin.output.first(/^grandchild \d+ runs/);
    await bin.log.first(/WARN .*what the command started can live on/);
    const [bystander, supervisor] = childrenOf(bin.pid);
    assert.ok(bystander !== undefined && supervisor !== undefined);
    assert.equal(programOf(bystander), "sleep");
    process.kill(supervisor, "SIGTERM");
    await bin.output.first(/^ended 137/);
    assert.deepEqual(treeUnder(lease), []);
    assert.ok(isRunning(bystander), "it belongs to another container");
    assertReleases(cluster, lease, 1);
    assertExclusive(journal);
  });

  it("P20 a debug shell in the container delays no release", pid1, async (t) => {
    const lease = "visited";
    const argv = ["sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.02; done"];
    const bin = await cluster.start(t, { lease, argv, asPid1: true });
    await bin.output.first(/^ready/);
    const visitor = await visit(t, bin);
    assert.ok(isRunning(visitor));
    bin.signal("SIGTERM");
    assert.deepEqual(await bin.ended, { code: 5, signal: null });
    assertReleases(cluster, lease, 1);
    await until(() => !isRunning(visitor), "it ends with the container");
  });

  it(
    "P20 a debug shell of another user, that cannot be killed, delays no release",
    pid1,
    async (t) => {
      const lease = "visited-by-another";
      const argv = ["sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.02; done"];
      const bin = await cluster.start(t, { lease, argv, asPid1: true, before: withoutKill });
      await bin.output.first(/^ready/);
      const visitor = await visit(t, bin, ["--setuid=65534"]);
      assert.ok(isRunning(visitor));
      bin.signal("SIGTERM");
      await until(() => cluster.seen(lease, "release").length === 1, "the release");
      assert.deepEqual(await bin.ended, { code: 5, signal: null });
    },
  );

  it("P20 a debug shell is killed with a lost term, and the next term begins", pid1, async (t) => {
    const lease = "visited-loss";
    const bin = await cluster.start(t, {
      lease,
      argv: ["sh", "-c", "echo ready; exec sleep 1000"],
      asPid1: true,
    });
    await bin.output.first(/^ready/);
    const visitor = await visit(t, bin);
    const tree = treeUnder(lease);
    cluster.removeLease(lease);
    await bin.log.first(/a candidate again/);
    assert.ok(![...tree, visitor].some(isRunning));
    await bin.output.first(/^ready/, 1);
    assert.equal(isEmpty(treeUnder(lease)), false);
  });
});

/** A debug shell as `kubectl exec` starts one: in the namespaces, and nobody's child there. */
async function visit(t: TestContext, bin: Bin, as: readonly string[] = []): Promise<number> {
  const folder = scratchFolder(t);
  chmodSync(folder, 0o777);
  const file = `${folder}/visitor`;
  // What has forked into the namespace is a child there of nobody.
  const namespaces = ["--target", String(bin.pid), "--pid", "--mount"];
  // As a runtime does: else it would be in the session that all here have from outside.
  const script = ["setsid", "sh", "-c", 'echo in >"$1"; exec sleep 1000', "sh", file];
  const visitor = spawn("nsenter", [...namespaces, ...as, ...script], {
    detached: true,
    stdio: "ignore",
  });
  t.after(() => endProcess(visitor.exitCode === null ? visitor.pid : undefined));
  await until(() => contentOf(file) !== "", "the visitor is in");
  return childrenOf(visitor.pid ?? 0)[0] ?? assert.fail("no visitor");
}

function childrenOf(pid: number): number[] {
  return contentOf(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
}

function isOfNobody(pid: number): boolean {
  return /^Uid:\t65534\t/m.test(contentOf(`/proc/${pid}/status`));
}
