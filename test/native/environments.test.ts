/** The native file where there is hardly anything else: an empty root, no rights, little memory. */
import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { assertReleases, type Cluster, openCluster } from "../hosts/cluster.ts";
import { scratchFolder } from "../hosts/bin.ts";
import { nativeFile } from "./artefacts.ts";

const isRoot = process.getuid?.() === 0;
const needsRoot = { skip: !isRoot && "only root can make such an environment" };

/** A shell that makes the environment, with these words, and then becomes the entry point. */
function shell(script: string): readonly string[] {
  return ["sh", "-euc", `${script} "$@"`, "sh"];
}

const account = '"$K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR"';

const environments: Readonly<Record<string, readonly string[]>> = {
  "on a read-only root": [
    "unshare",
    "--mount",
    ...shell("mount --rbind / /mnt; mount -o remount,bind,ro /mnt; exec chroot /mnt"),
  ],
  "as nobody, without any capability": [
    ...shell(
      `chmod -R a+rX ${account}; exec setpriv --reuid=65532 --regid=65532 --clear-groups ` +
        "--bounding-set=-all --inh-caps=-all --no-new-privs",
    ),
  ],
  "with 16 MiB of memory": ["prlimit", "--data=16777216"],
  "with 32 descriptors": ["prlimit", "--nofile=32"],
  "with every signal ignored and blocked": [
    "perl",
    "-MPOSIX",
    "-e",
    "$SIG{$_} = 'IGNORE' for qw(TERM INT USR1 CHLD PIPE);" +
      "sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM, SIGUSR1, SIGCHLD)); exec @ARGV",
    "--",
  ],
};

describe("native file", { concurrency: 2, timeout: 120_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  for (const asPid1 of [false, true]) {
    for (const [where, words] of Object.entries(environments)) {
      it(`leads and lets go ${where}${asPid1 ? ", as PID 1" : ""}`, needsRoot, async (t) => {
        const lease = `${where.replaceAll(/[^a-z0-9]+/g, "-")}${asPid1 ? "-first" : ""}`;
        const script = "trap 'exit 5' USR2; echo runs; while :; do sleep 0.05; done";
        const argv = ["sh", "-c", script];
        const bin = await cluster.start(t, { lease, argv, asPid1, before: words });
        await bin.output.first(/^runs/);
        await cluster.renewals(lease, 2);
        bin.signal("SIGUSR2");
        assert.deepEqual(await bin.ended, { code: 5, signal: null }, bin.log.text);
        assertReleases(cluster, lease, 1);
      });
    }
  }

  it(
    "leads and lets go in a root with nothing but the file, its credentials and /proc",
    needsRoot,
    async (t) => {
      const root = scratchFolder(t);
      const lease = "empty-root";
      // The paths are those outside, so that the same words lead there.
      mkdirSync(join(root, dirname(nativeFile)), { recursive: true });
      copyFileSync(nativeFile, join(root, nativeFile));
      mkdirSync(join(root, "proc"));
      const script =
        `mkdir -p "$1"${account}; mount --bind ${account} "$1"${account}; ` +
        'mount -t proc proc "$1/proc"; exec chroot';
      const bin = await cluster.start(t, {
        lease,
        argv: [nativeFile, "--version"],
        asPid1: true,
        before: ["unshare", "--mount", ...shell(script), root],
      });
      assert.deepEqual(await bin.ended, { code: 0, signal: null }, bin.log.text);
      assert.match(bin.output.text, /^\d+\.\d+\.\d+$/m);
      assertReleases(cluster, lease, 1);
    },
  );
});
