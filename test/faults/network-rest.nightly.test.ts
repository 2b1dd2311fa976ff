/** What takes a minute, and the steps of a sweep that differ little from those of every run. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createAuthority } from "../support/certificates.ts";
import { assertBurst } from "./answers.ts";
import { peakMemoryMb } from "./memory.ts";
import { type Network, openNetwork } from "./network.ts";
import { assertOutlived } from "./outage.ts";
import { assertSlow } from "./slow.ts";
import { short, Team, usual } from "./team.ts";
import { assertWatchFault, type WatchFault } from "./watches.ts";

const minuteMs = 60_000;

const watchFaults: readonly WatchFault[] = ["410 Gone", "a reset every second", "bookmarks alone"];

describe("faults that last", { concurrency: 3, timeout: 300_000 }, () => {
  let network: Network;
  before(async () => {
    network = await openNetwork();
  });
  after(() => network.close());

  it("N25 the API server down for a minute: stopped by H, and exactly one starts after it", async (t) => {
    await assertOutlived(t, network, minuteMs);
  });

  it("N19 5xx for 8 s, where D is 15 s: no stop; for longer: stopped by G and H", async (t) => {
    await assertBurst(t, network, usual, 0);
  });

  it("N8 slices do no harm; byte by byte, an answer comes too late and fills no memory", async (t) => {
    const team = new Team(t, network, "drip", short);
    const { leader } = await team.startLed(2);
    leader.proxy.drip(0);
    team.assertUndisturbed(await team.renewed(leader, 3));
    const { confirmed } = await team.led();
    const memoryMb = peakMemoryMb(leader.bin.pid);
    leader.proxy.drip(1000);
    await leader.bin.log.first(/cannot write the lease .*no complete answer|no answer/);
    await team.assertReplaced(confirmed);
    const grownMb = peakMemoryMb(leader.bin.pid) - memoryMb;
    t.diagnostic(`the peak of its memory rose by ${grownMb.toFixed(1)} MB`);
    assert.ok(grownMb < 32);
  });

  it("N13 a CA replaced on disk: a minute later the new server is trusted", async (t) => {
    const team = new Team(t, network, "new-ca", usual);
    const { leader, confirmed } = await team.startLed(2);
    const next = await createAuthority({ name: "next" });
    const target = await network.serve(await next.issue());
    const both = `${network.authority.caPem}\n${next.caPem}`;
    for (const member of team.members) await member.trust(both);
    await pause(minuteMs);
    for (const { proxy } of team.members) proxy.turnTo(target);
    await team.renewed(leader, 3);
    assert.doesNotMatch(team.logs(), /CERT|VERIFY/);
    team.assertUndisturbed(confirmed);
  });

  for (const fault of watchFaults) {
    it(`N23 ${fault}: no false takeover, and a true one in time`, async (t) => {
      await assertWatchFault(t, network, fault);
    });
  }

  // 1 to 9.9 s where D is 15 s; up to 1.2 s an answer comes in time.
  for (const delayMs of [500, 1700, 2700, 4000, 5300]) {
    it(`N5 answers ${delayMs} ms late: the deadline counts from the sending`, async (t) => {
      await assertSlow(t, network, delayMs);
    });
  }
});
