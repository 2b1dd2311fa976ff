/**
 * Rows O1 to O3: somebody deletes the Lease of a leader, or writes another holder into it, or none.
 *
 * The leader learns of it from its watch and kills its tree at once, whatever the clock still grants;
 * how soon the Lease may be taken again depends on what is found. Exclusion is the oracle's to judge.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { bootMs, deploy } from "../cluster/replicas.ts";
import { until } from "../cluster/until.ts";
import { assertExclusive, overlapsMs, starts } from "../hosts/oracle.ts";
import {
  assertKilled,
  calm,
  deleteTwice,
  giveAway,
  leaseMs,
  rules,
  stubborn,
  untilSettled,
} from "./lease-edits.ts";
import { type EmbeddedPlane, startEmbeddedPlane } from "./lease-plane.ts";

/** How far apart the instants of two processes may seem, by clocks of 10 ms. */
const clockMs = 20;

describe("a Lease that is edited on the embedded API server", { concurrency: 3 }, () => {
  let plane: EmbeddedPlane;
  before(async () => {
    plane = await startEmbeddedPlane();
  });
  after(() => plane?.close());

  for (const followers of [0, 1, 4]) {
    it(`O1 deleted twice while led, with ${followers} followers: the leader is the next one`, (t) =>
      deleteTwice(t, plane, followers));
  }

  it("O1 deleted while led, just as a process asks that never saw it: one of the two leads", async (t) => {
    const deployment = await deploy(t, plane, {
      rules,
      durations: calm,
      oracle: { ...stubborn, measured: true },
    });
    await deployment.startLed(2);
    await untilSettled(deployment);
    const claims: number[] = [];
    let deletedAt = 0;
    plane.meddle(deployment.namespace, (request, response) => {
      if (request.method === "POST") return claims.push(plane.answer(request, response)) > 0;
      if (request.method !== "GET" || request.path.includes("watch=") || deletedAt > 0)
        return false;
      deletedAt = bootMs();
      const deletion = { method: "DELETE", path: request.path, token: plane.access.token };
      plane.store.handle(deletion, Date.now());
      return false;
    });
    await deployment.start();
    const next = await deployment.untilStarts(2);
    const others = deployment.replicas.filter((replica) => replica !== next);
    for (const { bin, identity } of others) {
      // A follower from before knows two leaders, or one leader twice.
      const least = identity === "app-3" ? 1 : 2;
      await until(`${identity} follows`, () => {
        const told = bin.log.all.filter((line) => /the leader is|lost the lease/.test(line));
        return (told.length >= least && told.at(-1)?.includes(`"${next.identity}"`)) || undefined;
      });
    }
    assert.deepEqual(
      claims.toSorted((a, b) => a - b),
      claims.length > 1 ? [201, 409] : [201],
    );
    assert.equal(starts(deployment.journal).length, 2);
    // Nobody else would have told the leader in time.
    assertKilled(t, deployment, 0, deletedAt);
    const [overlap = 0] = overlapsMs(deployment.journal);
    t.diagnostic(`${next.identity} leads; both ran for ${overlap.toFixed(0)} ms`);
  });

  it("O2 given to another while led: the watch ends the term, without grace", (t) =>
    giveAway(t, plane));

  it("O3 emptied while led: nobody claims for D, and the next term is a new one", async (t) => {
    const deployment = await deploy(t, plane, { rules, oracle: stubborn, durations: calm });
    await deployment.startLed(3);
    await untilSettled(deployment);
    const emptiedAt = bootMs();
    await deployment.operator.patchLease({ holderIdentity: "" });
    await deployment.untilStarts(2);
    assertKilled(t, deployment, 0, emptiedAt);
    const [first, second] = starts(deployment.journal);
    const waitedMs = second!.atMs - emptiedAt;
    assert.ok(waitedMs >= leaseMs - clockMs, `only ${waitedMs} ms (S7)`);
    assert.ok(BigInt(second!.token) > BigInt(first!.token));
    assertExclusive(deployment.journal);
  });
});
