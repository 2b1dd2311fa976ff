/** Rows P1 to P5 and P13: what signals do to the entry point and to its command. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { isRunning, needsPidNamespace, until } from "../support/processes.ts";
import { type Bin, isNodeHost, scratchFolder } from "./bin.ts";
import { assertReleases, type Cluster, openCluster } from "./cluster.ts";
import { isEmpty, treeUnder, untilTree } from "./observer.ts";
import { assertExclusive, journalOf, type OracleOptions, oracleWords } from "./oracle.ts";
import { killBoundMs } from "./pauses.ts";

const recorder = [
  process.execPath,
  fileURLToPath(new URL("./recorder-command.js", import.meta.url)),
];
const pid1 = needsPidNamespace();

/** The list of dumb-init, and what a terminal or a resource limit sends, but for those that end it. */
const forwarded = [
  ...(["SIGHUP", "SIGUSR1", "SIGWINCH", "SIGALRM", "SIGCONT", "SIGTSTP", "SIGTTIN"] as const),
  ...(["SIGTTOU", "SIGURG", "SIGXCPU", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR"] as const),
  ...(["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"] as const),
];

describe("signals", { concurrency: 3, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  /** Starts a replica whose command is the oracle, and waits until that runs. */
  async function startOracle(
    t: TestContext,
    lease: string,
    options: Omit<OracleOptions, "journal"> & { env?: Record<string, string>; isBare?: true },
  ): Promise<Bin & { journal: string }> {
    const journal = `${scratchFolder(t)}/journal`;
    const argv = oracleWords({ journal, ...options });
    const asPid1 = options.isBare !== true;
    const bin = await cluster.start(t, { lease, argv, asPid1, env: options.env ?? {} });
    await bin.output.first(/^command \d+ runs/);
    if (options.grandchild === true) await bin.output.first(/^grandchild \d+ runs/);
    return Object.assign(bin, { journal });
  }

  async function startRecorder(t: TestContext, lease: string, asPid1: boolean): Promise<Bin> {
    const bin = await cluster.start(t, { lease, argv: recorder, asPid1 });
    await bin.output.first(/^ready/);
    return bin;
  }

  for (const isPid1 of [true, false]) {
    const where = isPid1 ? "as PID 1" : "not as PID 1";
    const options = isPid1 ? pid1 : {};

    it(
      `P1 SIGTERM ${where} is forwarded, renews while draining, releases an empty tree`,
      options,
      async (t) => {
        const lease = `drain-${isPid1 ? "first" : "other"}`;
        const oracle = { stopMs: 2500, code: 7, grandchild: true };
        const bin = await startOracle(t, lease, { ...oracle, ...(isPid1 ? {} : { isBare: true }) });
        bin.signal("SIGTERM");
        await until(() => has(bin.journal, "term"), "the command has SIGTERM");
        const renewals = await cluster.renewals(lease, 2);
        assert.ok(!has(bin.journal, "stop"), "these renewals came while the command drained");
        assert.ok(renewals.every(({ body }) => body.spec?.["holderIdentity"] === "one"));
        assert.deepEqual(cluster.seen(lease, "release"), []);
        assert.deepEqual(await bin.ended, { code: 7, signal: null });
        assert.ok(has(bin.journal, "stop"));
        assertReleases(cluster, lease, 1);
        assertExclusive(bin.journal);
      },
    );

    it(
      `P2 a command deaf to SIGTERM ${where} is killed after the stop timeout: 137`,
      options,
      async (t) => {
        const lease = `deaf-${isPid1 ? "first" : "other"}`;
        const env = { K8S_AWAIT_ELECTION_STOP_TIMEOUT: "1" };
        const oracle = { deaf: true, grandchild: true, env };
        const bin = await startOracle(t, lease, { ...oracle, ...(isPid1 ? {} : { isBare: true }) });
        bin.signal("SIGTERM");
        assert.deepEqual(await bin.ended, { code: 137, signal: null }, bin.log.text);
        const journal = journalOf(bin.journal);
        const term = journal.find(({ what }) => what === "term");
        const last = journal.at(-1);
        assert.ok(term !== undefined && last !== undefined);
        assert.ok(last.atMs - term.atMs >= 900, "it had its second");
        assert.match(bin.log.text, /did not stop in time: killing it/);
        assertReleases(cluster, lease, 1);
      },
    );
  }

  it("P3 further SIGTERM and SIGINT during the drain are passed on and end nothing", async (t) => {
    const bin = await startRecorder(t, "drain-again", false);
    bin.signal("SIGTERM");
    await bin.output.first(/^SIGTERM/);
    for (const name of ["SIGINT", "SIGTERM", "SIGQUIT", "SIGINT"] as const) {
      const before = bin.output.all.length;
      bin.signal(name);
      await bin.output.first(new RegExp(`^${name}`), before);
    }
    await cluster.renewals("drain-again", 1);
    assert.deepEqual(cluster.seen("drain-again", "release"), []);
    bin.signal("SIGUSR2");
    assert.deepEqual(await bin.ended, { code: 12, signal: null });
    assertReleases(cluster, "drain-again", 1);
  });

  for (const isPid1 of [true, false]) {
    const where = isPid1 ? "as PID 1" : "not as PID 1";
    it(
      `P4 each signal ${where} reaches the command, in the order sent`,
      isPid1 ? pid1 : {},
      async (t) => {
        const lease = `each-${isPid1 ? "first" : "other"}`;
        const bin = await startRecorder(t, lease, isPid1);
        const heardBefore = bin.output.all.length;
        for (const [at, name] of forwarded.entries()) {
          bin.signal(name);
          await bin.output.first(new RegExp(`^${name}$`), heardBefore + at);
        }
        assert.deepEqual(bin.output.all.slice(heardBefore), forwarded);
        await cluster.renewals(lease, 1);
        bin.signal("SIGUSR2");
        assert.deepEqual(await bin.ended, { code: 12, signal: null });
      },
    );
  }

  it("P4 a real-time signal reaches the command", {
    skip: isNodeHost && "Node cannot listen to real-time signals: they end it",
  }, async (t) => {
    const bin = await cluster.start(t, {
      lease: "real-time",
      argv: ["sh", "-c", "trap 'exit 34' 34; echo ready; while :; do sleep 0.01; done"],
    });
    await bin.output.first(/^ready/);
    bin.signal(34);
    assert.deepEqual(await bin.ended, { code: 34, signal: null });
  });

  it("P5 a leader that gets SIGTSTP does not stop renewing, and SIGCONT goes through", async (t) => {
    const bin = await startRecorder(t, "stopped", false);
    for (const name of ["SIGTSTP", "SIGTTIN", "SIGTTOU"] as const) {
      bin.signal(name);
      await bin.output.first(new RegExp(`^${name}`));
      assert.notEqual(stateOf(bin.pid), "T");
    }
    await cluster.renewals("stopped", 2);
    bin.signal("SIGCONT");
    await bin.output.first(/^SIGCONT/);
    bin.signal("SIGUSR2");
    assert.deepEqual(await bin.ended, { code: 12, signal: null });
  });

  for (const name of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
    it(`P1 ${name} while waiting ends it at once, by its own code`, async (t) => {
      const lease = `waiting-${name.toLowerCase()}`;
      cluster.putLease(lease, { holderIdentity: "another", leaseDurationSeconds: 60 });
      const bin = await cluster.start(t, { lease, argv: ["echo", "started"] });
      await bin.log.first(/the leader is/);
      bin.signal(name);
      const number = { SIGTERM: 15, SIGINT: 2, SIGQUIT: 3 }[name];
      assert.deepEqual(await bin.ended, { code: 128 + number, signal: null });
      assert.equal(bin.output.text, "");
      assert.deepEqual(cluster.seen(lease, "claim", "renewal", "release"), []);
    });
  }

  it("P13 kill -9 as PID 1 leaves nothing alive", pid1, async (t) => {
    const bin = await startOracle(t, "killed-first", { deaf: true, grandchild: true });
    const tree = treeUnder("killed-first");
    assert.ok(tree.length >= 2);
    bin.signal("SIGKILL");
    const killedAt = performance.now();
    await until(() => !tree.some(isRunning), "the tree is dead", 1000);
    const tookMs = performance.now() - killedAt;
    t.diagnostic(`the tree was dead after ${tookMs.toFixed(1)} ms`);
    assert.ok(tookMs <= killBoundMs(50), `${tookMs} ms`);
    await bin.ended;
    assert.deepEqual(cluster.seen("killed-first", "release"), []);
  });

  it("P13 not as PID 1 it says at start that orphans can survive, and strictly refuses", async (t) => {
    const loose = await cluster.start(t, { lease: "loose", argv: ["sleep", "60"] });
    await loose.log.first(/WARN .*what the command started can live on/);
    const env = { K8S_AWAIT_ELECTION_STRICT: "1" };
    const strict = await cluster.start(t, { lease: "strict", argv: ["sleep", "60"], env });
    assert.deepEqual(await strict.ended, { code: 64, signal: null });
    assert.match(strict.log.text, /STRICT is set, .*run it as PID 1/);
    assert.deepEqual(cluster.seen("strict"), []);
  });

  it("P13 kill -9 not as PID 1 kills the command", {
    skip: isNodeHost && "Node has no PR_SET_PDEATHSIG: documented as unsafe",
  }, async (t) => {
    const bin = await startOracle(t, "killed-other", { deaf: true, isBare: true });
    bin.signal("SIGKILL");
    await untilTree("killed-other", isEmpty, "the command is dead", 1000);
    await until(() => !isRunning(bin.pid), "the entry point is dead");
  });

  it("P13 strict as PID 1 leads", pid1, async (t) => {
    const env = { K8S_AWAIT_ELECTION_STRICT: "1" };
    const options = { lease: "strict-first", argv: ["echo", "runs"], asPid1: true, env };
    // Strictly, a lease that was never seen is waited for; one that was never held is not.
    cluster.putLease(options.lease, {});
    const bin = await cluster.start(t, options);
    await bin.output.first(/^runs/);
    assert.deepEqual(await bin.ended, { code: 0, signal: null });
    assertReleases(cluster, options.lease, 1);
  });
});

function has(journal: string, what: string): boolean {
  return journalOf(journal).some((entry) => entry.what === what);
}

/** One letter, such as `S`, `R` or `T`. */
function stateOf(pid: number): string | undefined {
  return readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.[0];
}
