/** A leader whose way to the API server is cut, in one of the ways in which networks do that. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { assertHealed } from "./heal.ts";
import { type Network, openNetwork } from "./network.ts";
import { short, Team } from "./team.ts";

describe("a way that is cut", { concurrency: 3, timeout: 100_000 }, () => {
  let network: Network;
  before(async () => {
    network = await openNetwork();
  });
  after(() => network.close());

  it("N1 black hole both ways: SIGTERM by G, dead by H, another follows after E", async (t) => {
    const team = new Team(t, network, "black-hole");
    const { leader, confirmed } = await team.startLed(2);
    leader.proxy.cut();
    await team.assertReplaced(confirmed);
    assert.ok(!leader.bin.hasEnded(), "it is a candidate again");
  });

  for (const verb of ["reset", "refuse"] as const) {
    it(`N2 ${verb}: an error at once ends nothing earlier than silence does`, async (t) => {
      const team = new Team(t, network, verb);
      const { leader, confirmed } = await team.startLed(2);
      leader.proxy[verb]();
      await leader.bin.log.first(/cannot write the lease .*ECONN(RESET|REFUSED)/);
      await team.assertReplaced(confirmed);
    });
  }

  it("N3 answers lost for ever: what was committed unheard does not prolong the term", async (t) => {
    const team = new Team(t, network, "unheard");
    const { leader, confirmed } = await team.startLed(2);
    leader.proxy.cutAnswers();
    await team.assertReplaced(confirmed);
    const last = team.ledger.done("renewal").findLast((it) => it.identity === leader.identity);
    assert.ok(last !== confirmed, "one more was committed");
  });

  it("N3 answers lost and found before G: a look adopts what was written, and no stop", async (t) => {
    const team = new Team(t, network, "adopted", short);
    const { leader, confirmed } = await team.startLed(2);
    leader.proxy.cutAnswers();
    const unheard = await team.renewed(leader, 1);
    await leader.bin.log.first(/cannot write the lease .*no answer/);
    await leader.proxy.heal();
    const look = await team.asked(
      ({ what, identity, atMs }) =>
        what === "get" && identity === leader.identity && atMs > unheard.atMs,
      "a look",
    );
    assert.equal(look.version, unheard.version, "it finds what it wrote");
    await team.renewed(leader, 3);
    team.assertUndisturbed(confirmed);
  });

  it("N4 healed 1.3 D after the cut: nobody writes on another's record", async (t) => {
    await assertHealed(t, network, 1.3);
  });

  it("N7 half-open: three attempts and more before G, each on a new connection", async (t) => {
    const team = new Team(t, network, "half-open", short);
    const { leader, confirmed } = await team.startLed(2);
    const before = leader.proxy.taken;
    leader.proxy.halfOpen();
    await leader.bin.log.first(/could not be renewed in time/);
    const attempts = leader.proxy.taken - before;
    t.diagnostic(`${attempts} new connections before G`);
    assert.ok(attempts >= 3);
    await team.assertReplaced(confirmed);
  });
});
