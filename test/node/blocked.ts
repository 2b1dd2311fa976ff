/** Row C7 for a block of any length past H. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { until } from "../support/processes.ts";
import { scratchFolder } from "../hosts/bin.ts";
import { assertEmptyBetween, bootMs, type Cluster, timing } from "../hosts/cluster.ts";
import { isEmpty, treeUnder, untilTree } from "../hosts/observer.ts";
import { assertExclusive, journalOf, oracleWords, starts } from "../hosts/oracle.ts";
import { killBoundMs } from "../hosts/pauses.ts";
import { planted } from "./plant.ts";

/** Beyond H, and one tick of the journal's clock. */
const lateMs = 100;
const tickMs = 10;

export async function blockLoop(t: TestContext, cluster: Cluster, ms: number): Promise<void> {
  const lease = `blocked-${ms}`;
  const journal = `${scratchFolder(t)}/journal`;
  const argv = oracleWords({ journal, deaf: true, grandchild: true });
  const env = planted({ fault: { type: "block", ms } });
  const one = await cluster.start(t, { lease, argv, env });
  await one.output.first(/^grandchild \d+ runs/);
  const two = await cluster.start(t, { lease, identity: "two", argv });
  await two.log.first(/the leader is "one"/);
  const tree = treeUnder(lease);
  const [confirmed] = (await cluster.renewals(lease, 1)).slice(-1);
  assert.ok(confirmed !== undefined);
  const blockedAtMs = bootMs();
  one.signal("SIGPIPE");
  await untilTree(
    lease,
    (alive) => isEmpty(alive.filter((pid) => tree.includes(pid))),
    "it is dead",
  );
  const deadAtMs = bootMs();
  const old = journalOf(journal).filter(({ pid }) => tree.includes(pid));
  const last = old.at(-1);
  assert.ok(last !== undefined);
  const afterMs = last.atMs - confirmed.atMs;
  const boundMs = timing.killMs + killBoundMs(lateMs) + tickMs;
  t.diagnostic(
    `the last beat came ${Math.round(afterMs)} ms after the last renewal, H is ${timing.killMs}`,
  );
  assert.ok(deadAtMs - confirmed.atMs > timing.stopMs, "no earlier than that");
  assert.ok(afterMs <= boundMs, `${afterMs} ms`);
  await until(() => starts(journal).length === 2, "the other one leads");
  await one.log.first(/a candidate again/, 0, ms + 15_000);
  assert.ok(bootMs() - blockedAtMs >= ms - tickMs, "the loop was blocked so long");
  await one.log.first(/the leader is "two"/);
  assertExclusive(journal);
  assertEmptyBetween(cluster, lease);
}
