/**
 * Rows C1 and C2 for a pause of any length: a replica that stood still past its lease kills its
 * command before all else.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { until as untilFound } from "../cluster/until.ts";
import { contentOf, isRunning, until } from "../support/processes.ts";
import { type Bin, scratchFolder } from "./bin.ts";
import { assertEmptyBetween, bootMs, type Cluster, type Seen, timing } from "./cluster.ts";
import { ownVariable, processesWith } from "./observer.ts";
import { type Entry, journalOf, oracleWords, starts } from "./oracle.ts";

/** The tree of a leader that goes on after H, and, at the latest, of one that was frozen with it. */
const wakingMs = 50;
const thawingMs = 100;

/**
 * What a kill may take on a machine that is short of processor time: W until the guard has the
 * processor, and κ until what it killed is dead (contract A4).
 */
const starvedMs = 500;

/** In so many percent of the last ten seconds some process waited for a processor. */
const starvingPercent = 25;

/** The clock of the journals ticks so, and a beat under way is written after the kill was sent. */
const tickMs = 10;

/** The lease is still its own, so that nothing but its own clock can tell it that it is too late. */
export async function stopAlone(
  t: TestContext,
  cluster: Cluster,
  durations: number,
): Promise<void> {
  const lease = `stopped-alone-${durations}`;
  const one = await startPlayer(t, cluster, { lease, identity: "one" });
  await one.started();
  await cluster.renewals(lease, 1);
  await freeze(one, durations);
  assert.ok(one.tree().length >= 2, "its command ran on");
  const { deadAfterMs, writes } = await thaw(one);
  t.diagnostic(`the tree was dead ${deadAfterMs.toFixed(1)} ms after SIGCONT`);
  assert.ok(deadAfterMs <= killBoundMs(wakingMs), `${deadAfterMs} ms`);
  assert.deepEqual(writes, []);
  await one.bin.log.first(/a candidate again/);
  assertEmptyBetween(cluster, lease);
}

/**
 * Its guard stops with it, so that the old command runs beside the new one for the rest of the pause
 * and the kill, with a smaller token.
 */
export async function stopFollowed(
  t: TestContext,
  cluster: Cluster,
  durations: number,
): Promise<void> {
  const { one, two, next } = await startPair(t, cluster, `stopped-followed-${durations}`, false);
  await freeze(one, durations);
  const { token, atMs: overlapsFrom } = await next();
  const { atMs, deadAfterMs, writes } = await thaw(one);
  const last = one.entries().at(-1) ?? assert.fail();
  t.diagnostic(`both ran for ${Math.round(last.atMs - overlapsFrom)} ms`);
  assert.ok(deadAfterMs <= killBoundMs(wakingMs), `${deadAfterMs} ms`);
  assert.ok(last.atMs <= atMs + deadAfterMs + tickMs, "nothing of it outlives that");
  assert.deepEqual(writes, []);
  assertSmaller(one.entries(), token);
  await assertFollows(one, two);
}

/** What the command had not written when it was frozen it writes late, with a smaller token. */
export async function freezeTogether(
  t: TestContext,
  cluster: Cluster,
  durations: number,
): Promise<void> {
  const { one, two, next } = await startPair(t, cluster, `frozen-${durations}`, true);
  const frozen = one.tree();
  await freeze(one, durations, frozen);
  const { token } = await next();
  const before = one.entries().length;
  const { deadAfterMs, writes } = await thaw(one, frozen);
  const late = one.entries().slice(before);
  t.diagnostic(
    `the tree was dead after ${deadAfterMs.toFixed(1)} ms and ${late.length} late beats`,
  );
  assert.ok(deadAfterMs <= killBoundMs(thawingMs), `${deadAfterMs} ms`);
  assert.deepEqual(writes, []);
  assertSmaller(one.entries(), token);
  await assertFollows(one, two);
}

/** How long a kill may take: so long, or longer where the kernel says that the machine is starved. */
export function killBoundMs(idleMs: number): number {
  const [, percent] = /^some avg10=([\d.]+)/.exec(contentOf("/proc/pressure/cpu")) ?? [];
  return Number(percent ?? 0) > starvingPercent ? starvedMs : idleMs;
}

async function startPair(
  t: TestContext,
  cluster: Cluster,
  lease: string,
  asPid1: boolean,
): Promise<{ one: Player; two: Player; next: () => Promise<Entry> }> {
  const one = await startPlayer(t, cluster, { lease, identity: "one", asPid1 });
  await one.started();
  const two = await startPlayer(t, cluster, { lease, identity: "two", asPid1 });
  await two.bin.log.first(/the leader is "one"/);
  await cluster.renewals(lease, 1);
  return { one, two, next: () => two.started() };
}

/** So a store that refuses smaller tokens takes nothing of this, however late it comes. */
function assertSmaller(entries: readonly Entry[], token: string): void {
  assert.ok(entries.length > 0);
  assert.ok(entries.every((entry) => BigInt(entry.token) < BigInt(token)));
}

async function assertFollows(one: Player, two: Player): Promise<void> {
  const written = one.writes().length;
  await one.bin.log.first(/the leader is "two"/);
  assert.equal(one.writes().length, written);
  assert.ok(two.tree().length >= 2, "the other one's command runs on");
}

/** A replica with an oracle, and a journal of its own: two of them may overlap and be looked at. */
interface Player {
  readonly bin: Bin;
  readonly identity: string;
  readonly lease: string;
  /** What its command has written down. */
  readonly entries: () => Entry[];
  /** What is alive of its command. */
  readonly tree: () => number[];
  /** Its confirmed and refused writes to the Lease. */
  readonly writes: () => Seen[];
  readonly started: () => Promise<Entry>;
}

interface PlayerOptions {
  readonly lease: string;
  readonly identity: string;
  readonly asPid1?: boolean;
}

async function startPlayer(
  t: TestContext,
  cluster: Cluster,
  { lease, identity, ...options }: PlayerOptions,
): Promise<Player> {
  const journal = `${scratchFolder(t)}/journal`;
  const argv = oracleWords({ journal, deaf: true, grandchild: true });
  const bin = await cluster.start(t, { lease, identity, argv, ...options });
  const ofReplica = [
    ownVariable.join("="),
    `K8S_AWAIT_ELECTION_LOCK_NAME=${lease}`,
    `K8S_AWAIT_ELECTION_IDENTITY=${identity}`,
    "K8S_AWAIT_ELECTION_TERM=",
  ];
  return {
    bin,
    identity,
    lease,
    entries: () => journalOf(journal),
    tree: () => processesWith(...ofReplica),
    writes: () =>
      cluster
        .seen(lease, "claim", "renewal", "release")
        .filter(({ replica }) => replica.identity === identity),
    async started() {
      const daemons = () => journalOf(journal).some(({ role }) => role === "grandchild");
      await untilFound(`the daemon of ${identity} runs`, () => daemons() || undefined);
      return starts(journal)[0] ?? assert.fail("The daemon ran before the command");
    },
  };
}

/** Stands still for so long after the last renewal, in lease durations. */
async function freeze(
  { bin, writes }: Player,
  durations: number,
  alsoFrozen: readonly number[] = [],
): Promise<void> {
  const [renewal] = writes().slice(-1);
  for (const pid of alsoFrozen) process.kill(pid, "SIGSTOP");
  bin.signal("SIGSTOP");
  const thawedAt = (renewal?.atMs ?? assert.fail("no renewal")) + durations * timing.leaseMs;
  await until(() => bootMs() >= thawedAt, "the pause is over", durations * timing.leaseMs + 1000);
}

interface Thaw {
  /** On the suspend-counting clock. */
  readonly atMs: number;
  readonly deadAfterMs: number;
  /** What it wrote, or tried to, while something of its old command was alive. */
  readonly writes: readonly string[];
}

/** Lets it go on, and waits until nothing is alive of the tree that it had. */
async function thaw(player: Player, alsoFrozen: readonly number[] = []): Promise<Thaw> {
  const tree = player.tree();
  const before = player.writes().length;
  const atMs = bootMs();
  const startedAt = performance.now();
  for (const pid of alsoFrozen) process.kill(pid, "SIGCONT");
  player.bin.signal("SIGCONT");
  await until(() => !tree.some(isRunning), "the tree is dead", 5000);
  const deadAfterMs = performance.now() - startedAt;
  const writes = player.writes().slice(before);
  return { atMs, deadAfterMs, writes: writes.map(({ what }) => what) };
}
