/** N4: a network that heals at any time after the cut, and then delivers what it had held back. */
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Network } from "./network.ts";
import { bootMs } from "./ledger.ts";
import { Team } from "./team.ts";

/** Heals so many lease durations after the last renewal, and looks on until there is a new leader. */
export async function assertHealed(t: TestContext, network: Network, share: number): Promise<void> {
  const team = new Team(t, network, `healed-${share.toFixed(3)}`);
  const { leader, confirmed } = await team.startLed(2);
  leader.proxy.cut();
  await pause(confirmed.atMs + share * team.timing.leaseMs - bootMs());
  const healedAt = bootMs();
  await leader.proxy.heal();
  await team.started(confirmed);
  await team.renewed(team.claimant, 2);
  const late = team.ledger.seen.filter(
    ({ identity, what, atMs }) =>
      identity === leader.identity && what === "renewal" && atMs > healedAt,
  );
  t.diagnostic(`late writes were answered with ${late.map(({ status }) => status).join()}`);
  team.assertStopped(confirmed);
  team.assertSound();
}
