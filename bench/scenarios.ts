/** Everything that is played, in the order of the report. */
import type { Scenario } from "./scenario.ts";
import { crowds, idle } from "./scenarios/cost.ts";
import { growth } from "./scenarios/growth.ts";
import { commandExit, crash, rollout, sigterm, startUp } from "./scenarios/handover.ts";
import { killing } from "./scenarios/kill.ts";
import { deleted } from "./scenarios/lease.ts";
import { blackHole, broken, healed, late, outage, slow } from "./scenarios/network.ts";
import { allFrozen, leaderFrozen } from "./scenarios/pauses.ts";
import { restart } from "./scenarios/server.ts";
import { disabled, roundTrip, simulation } from "./scenarios/yardsticks.ts";

export function allScenarios(isQuick: boolean): readonly Scenario[] {
  return [
    roundTrip,
    startUp,
    disabled,
    sigterm,
    commandExit,
    rollout,
    crash,
    blackHole,
    healed,
    broken,
    late,
    outage,
    ...slow,
    deleted,
    restart,
    leaderFrozen,
    allFrozen,
    ...killing,
    ...crowds,
    ...growth,
    idle(isQuick ? 15_000 : 60_000),
    simulation,
  ];
}
