/** Rows C9, F2 and F7: a machine without time, a command without end, and a thousand terms. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { contentOf, endProcess, isRunning, until } from "../support/processes.ts";
import { scratchFolder } from "./bin.ts";
import {
  assertReleases,
  bootMs,
  calm,
  type Cluster,
  openCluster,
  type Seen,
  timing,
} from "./cluster.ts";
import { treeUnder, untilTree } from "./observer.ts";
import { journalOf, oracleWords } from "./oracle.ts";

/** W and κ of contract A4: until the guard has the processor, and until what it killed is dead. */
const starvedMs = 500;
/** K: from H on nobody else may lead for so long. */
const killBudgetMs = 1000;

const terms = 1000;
const warmUpTerms = 200;

const cpuGroups = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"].find((folder) =>
  existsSync(`${folder}/${folder.endsWith("/cpu") ? "cpu.cfs_quota_us" : "cpu.max"}`),
);

describe("load", { concurrency: 1, timeout: 1_800_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  it("C9 beside 20 busy loops the command is dead by H and W, and everything of it by E", async (t) => {
    const lease = "busy";
    const journal = `${scratchFolder(t)}/journal`;
    const argv = oracleWords({ journal, deaf: true, grandchild: true });
    const bin = await cluster.start(t, { lease, argv });
    await bin.output.first(/^grandchild \d+ runs/);
    await cluster.renewals(lease, 1);
    const tree = treeUnder(lease);
    for (let i = 0; i < 20; i += 1) {
      const busy = spawn("sh", ["-c", "while :; do :; done"], { stdio: "ignore" });
      t.after(() => endProcess(busy.pid));
    }
    const silentFrom = () => cluster.seen(lease, "renewal").at(-1)?.atMs ?? assert.fail();
    cluster.silence(lease, "one");
    await until(() => !tree.some(isRunning), "the tree is dead", 20_000);
    const lateMs = ["command", "grandchild"].map((role) => {
      const ofTree = journalOf(journal).filter(({ pid }) => tree.includes(pid));
      const last = ofTree.findLast((entry) => entry.role === role) ?? assert.fail();
      return Math.round(last.atMs - silentFrom() - timing.killMs);
    });
    t.diagnostic(`last beats of command and daemon: ${lateMs.join(" and ")} ms after H`);
    const [commandMs = Infinity, daemonMs = Infinity] = lateMs;
    assert.ok(commandMs <= starvedMs, `${commandMs} ms`);
    // Only a look at every process finds it, and that takes its time: E is K after H.
    assert.ok(daemonMs <= killBudgetMs, `${daemonMs} ms`);
  });

  it("C9 with 5 % of a processor it leads, and its tree is dead by H and W", {
    skip: cpuGroups === undefined && process.env["CI"] !== "true" && "no cpu cgroup can be made",
  }, async (t) => {
    const lease = "quota";
    const group = limitedGroup(5);
    const argv = ["sh", "-c", "trap '' TERM; while :; do sleep 1000; done"];
    const before = ["sh", "-c", `echo $$ >${group}/cgroup.procs; exec "$@"`, "sh"];
    const bin = await cluster.start(t, { lease, argv, before, env: calm });
    t.after(() => removeGroup(group));
    const [command] = await untilTree(lease, (tree) => tree.length > 0, "the command runs", 60_000);
    await cluster.renewals(lease, 2);
    cluster.silence(lease, "one");
    const renewal = cluster.seen(lease, "renewal").at(-1);
    assert.ok(command !== undefined && renewal !== undefined);
    await until(() => !isRunning(command), "the command is dead", 30_000);
    const afterMs = bootMs() - renewal.atMs;
    const killMs = Math.floor(15_000 / 1.19) - 1000;
    t.diagnostic(`dead ${Math.round(afterMs)} ms after the last renewal, H is ${killMs}`);
    assert.ok(afterMs <= killMs + starvedMs, `${afterMs} ms`);
    assert.equal(bin.hasEnded(), false);
  });

  it("F2 a command that writes 100 MB/s costs the leader neither memory nor renewals", async (t) => {
    const lease = "flood";
    const fifo = `${scratchFolder(t)}/pipe`;
    assert.equal(spawnSync("mkfifo", [fifo]).status, 0);
    const reader = spawn("sh", ["-c", `exec dd if=${fifo} of=/dev/null bs=1M`], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    t.after(() => endProcess(reader.pid));
    const before = ["sh", "-c", `exec >${fifo}; exec "$@"`, "sh"];
    const bin = await cluster.start(t, { lease, argv: ["yes"], before, env: calm });
    await cluster.renewals(lease, 3);
    const firstKb = residentKb(bin.pid);
    const seen: Seen[] = [];
    while (seen.length < 20) seen.push(...(await cluster.renewals(lease, 5)));
    const grownKb = residentKb(bin.pid) - firstKb;
    const gapsMs = seen.slice(1).map(({ atMs }, at) => atMs - (seen[at]?.atMs ?? 0));
    t.diagnostic(
      `RSS grew by ${grownKb} kB, the longest time between renewals was ${Math.max(...gapsMs)} ms`,
    );
    assert.ok(grownKb < 8192, `${grownKb} kB`);
    assert.ok(gapsMs.every((gapMs) => gapMs < 2 * timing.retryMs));
    bin.signal("SIGTERM");
    assert.equal((await bin.ended).code, 143);
    assertReleases(cluster, lease, 1);
  });

  it(`F7 ${terms} terms cost no memory and no descriptors`, async (t) => {
    const lease = "soak";
    const argv = ["sh", "-c", "echo runs; exec sleep 1000"];
    const bin = await cluster.start(t, { lease, argv, env: calm });
    const sizes: number[] = [];
    const descriptors: number[] = [];
    for (let term = 1; term <= terms; term += 1) {
      await bin.output.first(/^runs/, term - 1, 60_000);
      if (term % 50 === 0) {
        sizes.push(residentKb(bin.pid));
        descriptors.push(readdirSync(`/proc/${bin.pid}/fd`).length);
      }
      cluster.removeLease(lease);
    }
    t.diagnostic(
      `RSS every 50 terms: ${sizes.join(" ")} kB; descriptors: ${descriptors.join(" ")}`,
    );
    const warm = sizes.slice(warmUpTerms / 50);
    const half = warm.length / 2;
    const grownKb = mean(warm.slice(half)) - mean(warm.slice(0, half));
    assert.ok(grownKb < 4096, `${grownKb} kB more in the second half`);
    assert.ok(Math.max(...descriptors) - Math.min(...descriptors) <= 3, descriptors.join(" "));
  });
});

/** A cgroup with so many percent of one processor, of version 1 or 2. */
function limitedGroup(percent: number): string {
  const folder = `${cpuGroups}/await-election-${process.pid}`;
  mkdirSync(folder);
  if (existsSync(`${folder}/cpu.max`)) writeFileSync(`${folder}/cpu.max`, `${percent}000 100000`);
  else writeFileSync(`${folder}/cpu.cfs_quota_us`, `${percent}000`);
  return folder;
}

async function removeGroup(folder: string): Promise<void> {
  await until(() => contentOf(`${folder}/cgroup.procs`) === "", "nobody is in the group");
  rmdirSync(folder);
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s*(\d+) kB/m.exec(contentOf(`/proc/${pid}/status`))?.[1]);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
