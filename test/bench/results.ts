/** Results as a run leaves them, for tests of what is made of them. */
import type { Results, RoundRecord } from "../../bench/results.ts";

export function resultsOf(rounds: readonly Partial<RoundRecord>[]): Results {
  return {
    version: 1,
    isQuick: false,
    startedAt: "2026-01-01T00:00:00Z",
    leftOut: ["native file left out: `npm run build:native`"],
    machine: {
      processor: "A Processor",
      processors: 2,
      memoryGb: 8,
      kernel: "6.1",
      versions: { Node: "v20" },
    },
    spentS: 120,
    rounds: rounds.map((round) => ({
      scenario: "SIGTERM",
      profile: "15/10/2",
      contestant: "ours, Node",
      round: 0,
      figures: {},
      at: "2026-01-01T00:00:01Z",
      tookS: 1,
      load: 0.1,
      lagMs: 1,
      ...round,
    })),
  };
}
