/** N5: answers that take their time, and stay away in the end. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Network } from "./network.ts";
import { short, Team } from "./team.ts";

export async function assertSlow(t: TestContext, network: Network, delayMs: number): Promise<void> {
  const team = new Team(t, network, `slow-by-${delayMs}`, short);
  const led = await team.startLed(2);
  const { leader } = led;
  let { confirmed } = led;
  const taken = leader.proxy.taken;
  leader.proxy.delay({ answers: delayMs });
  if (delayMs < team.timing.requestMs) {
    confirmed = await team.renewed(leader, 2);
    // It renews again only when that one was answered, which is what the deadlines do not count from.
    await team.renewed(leader, 1);
    leader.proxy.cut();
  } else {
    await leader.bin.log.first(/could not be renewed in time/);
    assert.ok(leader.proxy.taken - taken >= 2, "each attempt was given up for a new connection");
  }
  await team.assertReplaced(confirmed);
}
