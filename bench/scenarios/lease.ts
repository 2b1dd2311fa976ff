/** What happens to the Lease itself. */
import { nowMs } from "../../test/faults/series-group.ts";
import { setTimeout as pause } from "node:timers/promises";
import { tellTakeover } from "../measure.ts";
import { type Scenario, variantOf } from "../scenario.ts";
import { Team } from "../team.ts";

const followers = [1, 2, 4] as const;

export const deleted: Scenario = {
  name: "Lease deleted",
  about:
    "Somebody deletes the Lease while it is led, with 1, 2 or 4 followers. The command ignores SIGTERM.",
  lane: "beside",
  rounds: { full: 6, quick: 1 },
  async play(part) {
    const { leaseMs, retryMs } = part.profile;
    const team = await Team.open(part.scope, part.stage, { ...part, oracle: { deaf: true } });
    await team.startSettled(1 + variantOf(followers, part.round));
    // Before it can be gone, and so a round trip too much at most.
    const deletedAtMs = nowMs();
    await team.deleteLease();
    // Of some contestants the leader creates the Lease again, and its command runs on.
    const next = await team.untilRuns(2, leaseMs + 4 * retryMs).catch(() => undefined);
    if (next === undefined)
      return { figures: {}, overlapsMs: [], counts: { "the command ran on": 1 } };
    // An old leader may run on beside the new one for as long as its lease would have lasted.
    await pause(leaseMs);
    const counts = { "the command ran on": 0 };
    return { ...tellTakeover(team, "deleted", deletedAtMs, next), counts };
  },
};
