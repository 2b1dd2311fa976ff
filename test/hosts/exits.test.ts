/** Rows P6 to P8, P16 and P17: how the command ends, and how the entry point ends after it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { after, before, describe, it, type TestContext } from "node:test";
import { endProcess, needsPidNamespace } from "../support/processes.ts";
import { isNodeHost, scratchFolder } from "./bin.ts";
import { assertReleases, calm, type Cluster, openCluster } from "./cluster.ts";
import { programOf, treeUnder, untilTree } from "./observer.ts";

const pid1 = needsPidNamespace();

/** All whose default is to end a process, but for the real-time ones. */
const fatalSignals = [
  ...(["SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE"] as const),
  ...(["SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM"] as const),
  ...(["SIGSTKFLT", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR"] as const),
  ...(["SIGSYS"] as const),
];

const refused = [
  { what: "a name that no folder has", argv: () => "no-such-command-anywhere", code: 127 },
  { what: "a missing file", argv: (folder: string) => `${folder}/missing`, code: 127 },
  { what: "an empty name", argv: () => "", code: 127 },
  { what: "a file that is not executable", argv: (folder: string) => `${folder}/data`, code: 126 },
  { what: "a folder", argv: (folder: string) => `${folder}/folder`, code: 126 },
  { what: "a foreign program", argv: (folder: string) => `${folder}/foreign`, code: 126 },
] as const;

/** Each is forked twice, and in a session of its own. */
const daemons = `
  i=0
  while [ $i -lt 200 ]; do
    (setsid sleep 1000 </dev/null >/dev/null 2>&1 &)
    i=$((i + 1))
  done
  exec sleep 1000`;

describe("the command's end", { concurrency: 4, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  /** Runs a shell script to its end as the only replica, and returns the exit code. */
  async function run(t: TestContext, lease: string, script: string): Promise<number | null> {
    const cwd = scratchFolder(t);
    const bin = await cluster.start(t, { lease, argv: ["sh", "-c", script], cwd });
    const { code } = await bin.ended;
    return code;
  }

  for (const code of [0, 1, 2, 3, 64, 70, 99, 126, 127, 128, 137, 143, 254, 255]) {
    it(`P6 exit code ${code} is passed on`, async (t) => {
      const lease = `code-${code}`;
      assert.equal(await run(t, lease, `exit ${code}`), code);
      assertReleases(cluster, lease, 1);
    });
  }

  for (const name of fatalSignals) {
    const number = constants.signals[name];
    it(`P6 death by ${name} becomes ${128 + number}`, async (t) => {
      const lease = `death-${number}`;
      assert.equal(await run(t, lease, `ulimit -c 0; kill -${number} $$`), 128 + number);
      assertReleases(cluster, lease, 1);
    });
  }

  it("P6 death by a real-time signal becomes 162", {
    skip: isNodeHost && "Node reports a death by a real-time signal as exit code 0",
  }, async (t) => {
    assert.equal(await run(t, "death-34", "kill -34 $$"), 128 + 34);
    assertReleases(cluster, "death-34", 1);
  });

  for (const { what, argv, code } of refused) {
    it(`P7 ${what} is refused with ${code} before there is a lease`, async (t) => {
      const folder = scratchFolder(t);
      fillFolder(folder);
      const lease = `refused-${what.replaceAll(" ", "-").toLowerCase()}`;
      const bin = await cluster.start(t, { lease, argv: [argv(folder), "argument"] });
      assert.deepEqual(await bin.ended, { code, signal: null });
      assert.match(bin.log.text, /Cannot start ".*": .+ \(E[A-Z]+\)/);
      assert.deepEqual(cluster.seen(lease, "claim", "renewal", "release"), []);
    });
  }

  it("P7 a command that is gone when the lease comes is 127, and the lease is let go", async (t) => {
    const lease = "gone";
    const file = `${scratchFolder(t)}/command`;
    writeFileSync(file, "#!/bin/sh\n", { mode: 0o755 });
    cluster.putLease(lease, { holderIdentity: "another", leaseDurationSeconds: 60 });
    const bin = await cluster.start(t, { lease, argv: [file] });
    await bin.log.first(/the leader is/);
    rmSync(file);
    cluster.releaseLease(lease);
    assert.deepEqual(await bin.ended, { code: 127, signal: null });
    assertReleases(cluster, lease, 1);
  });

  it("P7 an argument list that is too long is 126, and the lease is let go", async (t) => {
    const lease = "too-long";
    cluster.putLease(lease, { holderIdentity: "another", leaseDurationSeconds: 60 });
    const words = Array.from({ length: 4 }, () => "x".repeat(60_000));
    const bin = await cluster.start(t, { lease, argv: ["true", ...words] });
    await bin.log.first(/the leader is/);
    // The kernel allows arguments a quarter of the stack, and 128 KiB at least.
    const limit = spawnSync("prlimit", ["--pid", String(bin.pid), "--stack=262144:262144"]);
    assert.equal(limit.status, 0, String(limit.stderr));
    cluster.releaseLease(lease);
    assert.deepEqual(await bin.ended, { code: 126, signal: null });
    assert.match(bin.log.text, /\(E2BIG\)/);
    assertReleases(cluster, lease, 1);
  });

  for (const isPid1 of [true, false]) {
    const where = isPid1 ? "as PID 1" : "not as PID 1";
    it(`P8 200 daemons ${where} are dead before the release`, isPid1 ? pid1 : {}, async (t) => {
      const lease = `daemons-${isPid1 ? "first" : "other"}`;
      const argv = ["sh", "-c", daemons];
      const bin = await cluster.start(t, { lease, argv, asPid1: isPid1 });
      await untilTree(lease, hasSleepers(201), "200 daemons and the command", 30_000);
      bin.signal("SIGTERM");
      const orderedAt = performance.now();
      assert.deepEqual(await bin.ended, { code: 143, signal: null });
      t.diagnostic(`gone after ${(performance.now() - orderedAt).toFixed(0)} ms`);
      assertReleases(cluster, lease, 1);
      assert.deepEqual(treeUnder(lease), []);
    });
  }

  for (const round of [1, 2, 3, 4, 5, 6]) {
    it(`P16 the command ends as SIGTERM comes (${round}): one exit, one release`, async (t) => {
      const lease = `race-${round}`;
      const bin = await cluster.start(t, { lease, argv: ["sleep", "60"] });
      const [command] = await untilTree(lease, hasSleepers(1), "the command runs");
      if (round % 2 === 0) bin.signal("SIGTERM");
      endProcess(command);
      if (round % 2 === 1) bin.signal("SIGTERM");
      const { code } = await bin.ended;
      assert.ok(code === 137 || code === 143, `found ${code}`);
      assert.equal(bin.log.all.filter((line) => line.includes("the command has ended")).length, 1);
      assert.doesNotMatch(bin.log.text, /this is a bug/);
      assertReleases(cluster, lease, 1);
    });
  }

  it("P17 a command that fails at once costs one look and two writes a start", async (t) => {
    const lease = "false";
    for (let start = 1; start <= 5; start += 1) {
      const before = cluster.seen(lease, "get", "claim", "renewal", "release").length;
      const bin = await cluster.start(t, { lease, argv: ["false"], env: calm });
      assert.deepEqual(await bin.ended, { code: 1, signal: null });
      const asked = cluster.seen(lease, "get", "claim", "renewal", "release").slice(before);
      assert.deepEqual(
        asked.map(({ what, status }) => `${what} ${status}`),
        start === 1
          ? ["get 404", "claim 201", "release 200"]
          : ["get 200", "claim 200", "release 200"],
      );
      assertReleases(cluster, lease, start);
    }
  });
});

function hasSleepers(count: number): (tree: readonly number[]) => boolean {
  return (tree) => tree.filter((pid) => programOf(pid) === "sleep").length === count;
}

function fillFolder(folder: string): void {
  writeFileSync(`${folder}/data`, "echo no\n");
  mkdirSync(`${folder}/folder`);
  // The head of a program for a machine that there is not.
  const foreign = Buffer.alloc(4096);
  foreign.write("\x7fELF\x02\x01\x01", "latin1");
  foreign.writeUInt16LE(2, 16);
  foreign.writeUInt16LE(0xfeed, 18);
  writeFileSync(`${folder}/foreign`, foreign);
  chmodSync(`${folder}/foreign`, 0o755);
}
