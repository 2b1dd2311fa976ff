/** The harness measures what it says: with contestants of whom it is known what they do. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type Contestant, ourVariables } from "../../../bench/contestant.ts";
import { short } from "../../../bench/profile.ts";
import { Rendezvous } from "../../../bench/rendezvous.ts";
import { planOf } from "../../../bench/plan.ts";
import { play } from "../../../bench/play.ts";
import type { Round, RoundRecord } from "../../../bench/results.ts";
import { atOnce, type Scenario } from "../../../bench/scenario.ts";
import { sigterm } from "../../../bench/scenarios/handover.ts";
import { Closings } from "../../../bench/scope.ts";
import { openStage, type Stage } from "../../../bench/stage.ts";
import { Team, Void } from "../../../bench/team.ts";
import { ownVariable, processesWith } from "../../hosts/observer.ts";

/** What a hand-over takes besides what it is known to take, on a busy machine. */
const slackMs = 500;

describe("puppets in place of electors", { timeout: 120_000 }, () => {
  let stage: Stage;
  before(async () => {
    stage = await openStage();
  });
  after(() => stage?.close());

  it("overlapsMs shows a contestant that releases before it stops", async () => {
    const stopMs = 1500;
    const { overlapsMs = [] } = await playOnce(
      sigterm,
      puppet("cheater", ["--stop-after-release-ms", String(stopMs)], { isSlow: true }),
    );
    assert.equal(overlapsMs.length, 1);
    // The next command begins a little after the release, and then both run.
    const [overlapMs = 0] = overlapsMs;
    assert.ok(overlapMs > stopMs - 1000 && overlapMs < stopMs + slackMs, `${overlapMs} ms`);
  });

  it("figures show a known hand-over time, and no overlap of an honest one", async (t) => {
    const claimMs = 600;
    const { overlapsMs, figures } = await playOnce(
      sigterm,
      puppet("honest", ["--claim-after-ms", String(claimMs)]),
    );
    assert.deepEqual(overlapsMs, []);
    for (const figure of ["SIGTERM → next command, ms", "end of the command → next, ms"]) {
      const took = figures[figure] ?? [];
      t.diagnostic(`${figure}: ${took.map((ms) => ms.toFixed(0)).join(", ")}`);
      assert.equal(took.length, 4);
      assert.ok(Math.min(...took) >= claimMs, `${figure}: ${took.join()}`);
      assert.ok(Math.min(...took) < claimMs + slackMs, `${figure}: ${took.join()}`);
    }
  });

  it("play() plays what was void again, keeps what failed, and leaves nothing behind", async () => {
    const failures = [new Void("too busy"), new Error("Cannot go on")];
    const scenario: Scenario = {
      ...sigterm,
      async play(part) {
        await (await Team.open(part.scope, part.stage, part)).start();
        assert.equal(processesWith(ownVariable.join("=")).length > 0, true);
        throw failures.shift() ?? new Error("once too often");
      },
    };
    const batches = planOf({
      scenarios: [{ ...scenario, rounds: { full: 1, quick: 1 }, takes: () => true }],
      contestants: [puppet("failing", [])],
      profiles: [short],
      isQuick: true,
    });
    const records: RoundRecord[] = [];
    const keep = (record: RoundRecord) => void records.push(record);
    assert.equal(await play({ stage, batches, endAtMs: Infinity, keep }), true);
    const told = records.map(({ isVoid, error, contestant }) => [contestant, isVoid, error]);
    assert.deepEqual(told, [
      ["failing", true, "too busy"],
      ["failing", undefined, "Cannot go on"],
    ]);
    assert.deepEqual(processesWith(ownVariable.join("=")), []);
  });

  async function playOnce(scenario: Scenario, contestant: Contestant): Promise<Round> {
    const scope = new Closings();
    const rendezvous = new Rendezvous(1);
    const part = { scope, stage, contestant, profile: short, round: 0, turn: atOnce, rendezvous };
    try {
      return await scenario.play(part);
    } finally {
      await scope.close();
    }
  }
});

function puppet(
  name: string,
  options: readonly string[],
  more: Pick<Contestant, "isSlow"> = {},
): Contestant {
  const file = fileURLToPath(new URL("../../../bench/contestants/puppet.js", import.meta.url));
  return {
    name,
    kind: "yardstick",
    launch: (place, command) => ({
      argv: [process.execPath, file, ...options, "--", ...command],
      env: ourVariables(place),
    }),
    follows: (leader) => new RegExp(`^follows ${leader}$`),
    ...more,
  };
}
