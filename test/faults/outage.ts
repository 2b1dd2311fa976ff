/** N25: nobody reaches the API server, and then all do again. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { starts } from "../hosts/oracle.ts";
import { bootMs } from "./ledger.ts";
import type { Network } from "./network.ts";
import { Team } from "./team.ts";

/** From the server's return to the next claim. */
const returnMs = 1000;
/** The pause after an attempt that failed, as on a machine too busy to connect in time it may. */
const failedMs = 800;

export async function assertOutlived(
  t: TestContext,
  network: Network,
  downMs: number,
): Promise<void> {
  const team = new Team(t, network, `down-for-${downMs}`);
  const { confirmed } = await team.startLed(3);
  const before = starts(team.journal).length;
  for (const { proxy } of team.members) proxy.refuse();
  await pause(downMs);
  team.assertStopped(confirmed);
  assert.equal(starts(team.journal).length, before, "nobody leads without an API server");
  const askedBefore = team.ledger.seen.length;
  const toldBefore = team.members.map(({ bin }) => bin.log.all.length);
  const told = () => team.members.flatMap(({ bin }, at) => bin.log.all.slice(toldBefore[at]));
  const returnedAt = bootMs();
  await Promise.all(team.members.map(({ proxy }) => proxy.heal()));
  await team.started(confirmed);
  const claims = team.ledger.seen.slice(askedBefore).filter(({ what }) => what === "claim");
  const wonMs = claims.find(({ status }) => status === 200)!.atMs - returnedAt;
  t.diagnostic(`claimed ${wonMs.toFixed(0)} ms after the API server was back`);
  const wasBusy = told().some((line) => line.includes("ETIMEDOUT"));
  assert.ok(wonMs <= returnMs + (wasBusy ? failedMs + team.timing.requestMs : 0));
  team.assertUndisturbed(await team.renewed(team.claimant, 3));
  assert.equal(starts(team.journal).length, before + 1, "exactly one starts");
}
