/** An API server that can be reached and does not do what it is asked. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Answer, answerBy, assertBurst, inVain } from "./answers.ts";
import { peakMemoryMb } from "./memory.ts";
import { type Network, openNetwork } from "./network.ts";
import type { Seen } from "./ledger.ts";
import { short, Team } from "./team.ts";

const annotateMs = 20;

/** Beside the largest answer that is read, 1 MiB, what the garbage collector lets lie about. */
const memoryLimitMb = 32;

/** Answers of status 200 that say nothing. */
const nonsense: Readonly<Record<string, Answer>> = {
  endless(response) {
    const more = (): void => {
      while (!response.destroyed && response.write(`[${" ".repeat(65_536)}`));
    };
    response.on("drain", more);
    more();
  },
  garbage: (response) => response.end("\u0000}{"),
  truncated(response) {
    response.writeHead(200, { "Content-Length": 1000 });
    response.write('{"kind":"Lease",', () => response.destroy());
  },
  HTML: (response) => response.end("<!DOCTYPE html><title>Please log in</title>"),
};

describe("an API server that fails", { concurrency: 3, timeout: 100_000 }, () => {
  let network: Network;
  before(async () => {
    network = await openNetwork();
  });
  after(() => network.close());

  it("N17 annotated 50 times a second: renewed all the same, and taken over no later", async (t) => {
    const team = new Team(t, network, "annotated", short);
    const { leader, confirmed: before } = await team.startLed(2);
    let count = 0;
    const storm = setInterval(() => {
      // Where a round trip takes longer than the pause nobody could ever write, so it draws breath.
      const writes = team.ledger.seen.filter(({ what }) => what === "renewal" || what === "claim");
      if (writes.length > 1 && writes.slice(-2).every(isRefused)) return;
      count += 1;
      const { body } = network.ask("GET", team.path);
      const annotations = { ...body.metadata?.annotations, storm: String(count) };
      const annotated = { ...body, metadata: { ...body.metadata, annotations } };
      assert.equal(network.ask("PUT", team.path, annotated).status, 200);
    }, annotateMs);
    t.after(() => clearInterval(storm));
    await team.renewed(leader, 3);
    team.assertUndisturbed(before);
    const refused = team.ledger.seen.filter(isRefused);
    t.diagnostic(`${refused.length} conflicts in 3 renewals and ${count} annotations`);
    const { confirmed } = await team.led();
    leader.proxy.cut();
    await team.assertReplaced(confirmed);
  });

  it("N18 Retry-After is heeded as far as the deadline leaves attempts", async (t) => {
    const team = new Team(t, network, "patience", short);
    const { leader, confirmed: before } = await team.startLed(2);
    answerBy(team, leader, ["abc", "-1", "1"].map(tooMany));
    await team.asked(() => inVain(team, before).length === 3, "three attempts");
    team.ledger.meddle = () => false;
    const next = await team.renewed(leader, 1);
    await leader.bin.log.first(/can write the lease again/);
    const pauses = [...inVain(team, before), next].map(({ atMs }, at, all) =>
      Math.round(atMs - (all[at - 1]?.atMs ?? atMs)),
    );
    t.diagnostic(`between the attempts: ${pauses.slice(1).join(", ")} ms`);
    assert.ok(pauses.at(-1)! > 750, "as long as was asked for, but for what the way takes");
    team.assertUndisturbed(before);
    const { confirmed } = await team.led();
    answerBy(team, leader, [tooMany("30")]);
    await leader.bin.log.first(/could not be renewed in time/);
    assert.ok(inVain(team, confirmed).length >= 3, "attempts before G");
    await team.assertReplaced(confirmed);
  });

  it("N19 5xx, but not up to G: no stop; for longer: stopped by G and H", async (t) => {
    // Half a second less than L4 promises, which a busy machine may need for the attempt after it.
    await assertBurst(t, network, short, 500);
  });

  it("N20 200 with nonsense: a failure like any other, and memory stays bounded", async (t) => {
    const team = new Team(t, network, "nonsense", short);
    const { leader, confirmed } = await team.startLed(2);
    const memoryMb = peakMemoryMb(leader.bin.pid);
    answerBy(team, leader, Object.values(nonsense));
    await leader.bin.log.first(/cannot write the lease .*longer than 1048576 bytes/);
    await team.assertReplaced(confirmed);
    assert.ok(inVain(team, confirmed).length >= Object.keys(nonsense).length);
    const grownMb = peakMemoryMb(leader.bin.pid) - memoryMb;
    t.diagnostic(`the peak of its memory rose by ${grownMb.toFixed(1)} MB`);
    assert.ok(grownMb < memoryLimitMb);
  });
});

function isRefused({ status }: Seen): boolean {
  return status === 409;
}

function tooMany(seconds: string): Answer {
  return (response) => response.writeHead(429, { "Retry-After": seconds }).end("{}");
}
