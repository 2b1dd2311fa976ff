/** What happens to the API server. */
import { setTimeout as pause } from "node:timers/promises";
import { nowMs } from "../../test/faults/series-group.ts";
import { overlapsMs } from "../../test/hosts/oracle.ts";
import { gapsMs } from "../measure.ts";
import type { Scenario } from "../scenario.ts";
import { Team } from "../team.ts";

export const restart: Scenario = {
  name: "API server restart",
  about:
    "kube-apiserver is killed under all contestants at once and starts again on the same port, which " +
    "takes seconds. What counts is whether the commands run through.",
  lane: "together",
  rounds: { full: 3, quick: 0 },
  async play(part) {
    const { leaseMs } = part.profile;
    const team = await Team.open(part.scope, part.stage, part);
    await team.startSettled(3);
    const downAtMs = nowMs();
    await part.rendezvous.meet(() => part.stage.plane.restartApiServer());
    const upAtMs = nowMs();
    await team.view.untilRenewed(1, team.slackMs);
    await pause(leaseMs);
    const isThrough = team.runs.length === 1;
    const next = team.runs.find(({ atMs }) => atMs > downAtMs);
    return {
      overlapsMs: overlapsMs(team.journal),
      figures: {
        "server down, ms": [upAtMs - downAtMs],
        ...(!isThrough && { "leaderless, ms": gapsMs(team).slice(0, 1) }),
        ...(next && { "server up → next command, ms": [Math.max(0, next.atMs - upAtMs)] }),
      },
      counts: { "the command ran through": Number(isThrough) },
    };
  },
};
