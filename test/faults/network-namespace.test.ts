/**
 * A replica in a network namespace of its own, whose packets the kernel loses. No proxy acknowledges
 * what nobody has received, a connection does not even begin, and TCP sends again.
 */
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { bootMs } from "./ledger.ts";
import { type Namespace, needsNetworkNamespace, openNamespace } from "./namespace.ts";
import { type Network, openNetwork } from "./network.ts";
import { type Led, Team } from "./team.ts";

const numbers = [101, 102, 103];

describe("packets lost", { concurrency: 3, timeout: 100_000, ...needsNetworkNamespace() }, () => {
  let network: Network;
  before(async () => {
    const addresses = numbers.map((number) => `10.${number}.53.1`);
    network = await openNetwork({ addresses: ["127.0.0.1", ...addresses] });
  });
  after(() => network.close());

  it("N1 packets lost both ways: SIGTERM by G, dead by H, another follows after E", async (t) => {
    const team = new Team(t, network, "lost");
    const { leader, confirmed, link } = await startApart(t, team, numbers[0]!);
    link.loseRequests();
    link.loseAnswers();
    await team.assertReplaced(confirmed);
    assert.match(leader.bin.log.text, /ETIMEDOUT/);
  });

  it("N3 packets lost on the way back: what was committed unheard prolongs nothing", async (t) => {
    const team = new Team(t, network, "lost-answers");
    const { leader, confirmed, link } = await startApart(t, team, numbers[1]!);
    link.loseAnswers();
    await team.assertReplaced(confirmed);
    const last = team.ledger.done("renewal").findLast((it) => it.identity === leader.identity);
    assert.ok(last !== confirmed, "one more was committed");
  });

  it("N4 packets sent again after another leads: they write nothing", async (t) => {
    const team = new Team(t, network, "sent-again");
    const { leader, confirmed, link } = await startApart(t, team, numbers[2]!);
    link.loseRequests();
    await team.assertReplaced(confirmed);
    const healedAt = bootMs();
    link.heal();
    const late = await team.asked(
      ({ identity, what, atMs }) =>
        identity === leader.identity && what === "renewal" && atMs > healedAt,
      "the write that was lost",
    );
    assert.equal(late.status, 409);
    await team.renewed(team.claimant, 2);
    team.assertSound();
  });
});

/** The leader is in the namespace, the follower is not. */
async function startApart(
  t: TestContext,
  team: Team,
  number: number,
): Promise<Led & { link: Namespace }> {
  const link = await openNamespace(t, number);
  const apart = await team.start({ before: link.before, proxyAt: { host: link.host } });
  await team.started();
  await team.start();
  const led = await team.led();
  assert.equal(led.leader, apart);
  return { ...led, link };
}
