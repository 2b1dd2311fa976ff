/** A way to the API server that is slow, or has a memory of its own. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Network, openNetwork } from "./network.ts";
import { assertSlow } from "./slow.ts";
import { Team, usual } from "./team.ts";

describe("a way that is slow", { concurrency: 3, timeout: 100_000 }, () => {
  let network: Network;
  before(async () => {
    network = await openNetwork();
  });
  after(() => network.close());

  it("N5 slow answers: the deadline counts from the sending", async (t) => {
    await assertSlow(t, network, 700);
  });

  it("N6 a claim answered after D: the command is not started on it", async (t) => {
    const team = new Team(t, network, "late-claim");
    const late = await team.start();
    team.ledger.meddle = ({ what }) => {
      if (what === "claim") {
        late.proxy.delay({ answers: 3 * team.timing.leaseMs });
        team.ledger.meddle = () => false;
      }
      return false;
    };
    const claim = await team.asked(({ what }) => what === "claim", "a claim");
    const next = await team.start();
    const { token } = await team.started();
    assert.equal(team.claimant, next);
    // Everything that was on its way arrives now.
    await late.proxy.heal();
    await late.bin.log.first(new RegExp(`the leader is "${next.identity}"`));
    await team.renewed(next, 2);
    team.assertSound();
    assert.ok(!late.bin.output.text.includes("runs"));
    assert.notEqual(token, claim.version);
  });

  it("N6 a claim answered too late: another write opens the term", async (t) => {
    const team = new Team(t, network, "claimed-twice");
    const member = await team.start();
    team.ledger.meddle = ({ what }) => {
      if (what === "claim") member.proxy.delay({ answers: team.timing.leaseMs });
      return false;
    };
    await member.bin.log.first(/cannot write the lease/, 0, 30_000);
    team.ledger.meddle = () => false;
    await member.proxy.heal();
    const { token } = await team.started();
    const [first, second] = team.ledger.done("claim");
    assert.deepEqual([first?.version === token, second?.version === token], [false, true]);
    team.assertSound();
  });

  it("N9 idle connections forgotten: each renewal succeeds at its second attempt", async (t) => {
    const team = new Team(t, network, "forgotten", usual);
    const { leader, followers } = await team.startLed(2);
    for (const { proxy } of [leader, ...followers]) proxy.forgetIdle(500);
    const confirmed = await team.renewed(leader, 3);
    const { all } = leader.bin.log;
    const again = all.filter((line) => line.includes("can write the lease again"));
    assert.ok(again.length >= 2, "every connection was forgotten between two renewals");
    team.assertUndisturbed(confirmed);
  });
});
