/** The figures to beat (contract §7), each held against what was measured. */
import { type Spread, spreadOf, textOf } from "../figures.ts";
import { bare } from "../contestant.ts";
import { usual } from "../profile.ts";
import type { Results } from "../results.ts";
import { countOf, overlap, unitOf, valuesOf } from "./select.ts";

/** What is asked of values: which of their spread, and the limit it may reach. */
interface Limit {
  readonly of: "p50" | "p99" | "max";
  readonly atMost?: number;
  readonly atLeast?: number;
}

interface Target {
  readonly measure: string;
  readonly scenario: string;
  readonly figure: string;
  readonly limits: readonly Limit[];
  /** Whose it is; every contestant of ours unless told. */
  readonly of?: readonly string[];
  /** The profile it was set for; the usual one unless told. */
  readonly profile?: string;
  /** It is a count, of which there may be none. */
  readonly isCount?: true;
  /** What is taken off first: the same figure of whoever has no wrapper. */
  readonly isOverhead?: true;
}

export interface Verdict {
  readonly measure: string;
  readonly contestant: string;
  readonly target: string;
  readonly measured: string;
  /** The same of client-go, with a release where there is a choice. */
  readonly clientGo: string;
  readonly n: number;
  readonly isMet: boolean;
}

const entryPoints = ["ours, native", "ours, Node"];
const ours = [...entryPoints, "ours, library"];
const native = ["ours, native"];
const yardstick = bare.name;
const any = "any";
const none: readonly Limit[] = [{ of: "max", atMost: 0 }];
const { leaseMs } = usual;

const targets: readonly Target[] = [
  ...[
    ["silent black hole", "black hole"],
    ["connections reset", "connections reset"],
    ["answers late, then a black hole", "late answers, then a black hole"],
    ["Lease deleted (1, 2, 4 followers)", "Lease deleted"],
    ["healed 0.8 to 1.6 D after the cut", "black hole, healed"],
  ].map(([what = "", scenario = ""]) => ({
    measure: `two commands, ${what}`,
    scenario,
    figure: overlap,
    limits: none,
  })),
  {
    measure: "two commands, all frozen and woken",
    scenario: "all frozen",
    figure: overlap,
    limits: [
      { of: "p99", atMost: 20 },
      { of: "max", atMost: 100 },
    ],
  },
  {
    measure: "healed: foreign Lease wiped",
    scenario: "black hole, healed",
    figure: "foreign Lease wiped",
    limits: none,
    isCount: true,
  },
  {
    measure: "not PID 1, SIGTERM: command outlives its wrapper",
    scenario: "SIGTERM",
    figure: "command outlived its wrapper",
    limits: none,
    isCount: true,
  },
  {
    measure: "crash: last renewal → next command (2, 3, 5 replicas)",
    scenario: "crash",
    figure: "last renewal → next command, ms",
    limits: [
      { of: "p50", atMost: leaseMs + 100 },
      { of: "p99", atMost: leaseMs + 250 },
      { of: "max", atMost: leaseMs + usual.retryMs },
    ],
  },
  {
    measure: "SIGTERM → next command",
    scenario: "SIGTERM",
    figure: "SIGTERM → next command, ms",
    limits: [
      { of: "p50", atMost: 100 },
      { of: "p99", atMost: 300 },
    ],
  },
  {
    measure: "command ends → next",
    scenario: "command exit",
    figure: "end of the command → next, ms",
    limits: [
      { of: "p50", atMost: 100 },
      { of: "max", atMost: 1000 },
    ],
  },
  {
    measure: "command ends: its code is not passed on",
    scenario: "command exit",
    figure: "exit code not passed on",
    limits: none,
    isCount: true,
  },
  {
    measure: "rollout, leaderless in all",
    scenario: "rolling restart",
    figure: "leaderless in all, ms",
    limits: [{ of: "p50", atMost: 300 }],
  },
  {
    measure: "connections reset or refused: leaderless",
    scenario: "connections reset",
    figure: "leaderless, ms",
    limits: [
      { of: "p50", atLeast: 3400 },
      { of: "max", atMost: 4400 },
    ],
  },
  {
    measure: "kill latency: H → last of 200 processes dead, idle",
    scenario: "kill",
    figure: "H → last of 200 dead, ms",
    limits: [{ of: "p99", atMost: 50 }],
    of: entryPoints,
    profile: any,
  },
  {
    measure: "the same, processors overcommitted 3 times",
    scenario: "kill, starved",
    figure: "H → last of 200 dead, ms",
    limits: [{ of: "p99", atMost: 250 }],
    of: entryPoints,
    profile: any,
  },
  {
    measure: "signal forward",
    scenario: "SIGTERM",
    figure: "SIGTERM → the command has it, ms",
    limits: [
      { of: "p99", atMost: 10 },
      { of: "max", atMost: 50 },
    ],
    of: entryPoints,
  },
  {
    measure: "writes a minute, leader",
    scenario: "idle",
    figure: "leader: writes a minute, count",
    limits: [{ of: "max", atMost: 31 }],
  },
  {
    measure: "reads a minute, follower",
    scenario: "idle",
    figure: "follower: reads a minute, count",
    limits: [{ of: "max", atMost: 2 }],
  },
  {
    measure: "API outage survived",
    scenario: "outage",
    figure: "outage survived, ms",
    limits: [{ of: "max", atLeast: 8100 }],
  },
  {
    measure: "API outage: connections that the leader tried",
    scenario: "outage",
    figure: "connections tried by the leader, count",
    limits: [{ of: "p50", atLeast: 2 }],
  },
  {
    measure: "exec → command running, Lease absent",
    scenario: "start-up",
    figure: "exec → command, ms",
    limits: [{ of: "p50", atMost: 20 }],
    of: native,
  },
  {
    measure: "exec → command running, Lease absent",
    scenario: "start-up",
    figure: "exec → command, ms",
    limits: [{ of: "p50", atMost: 150 }],
    of: ["ours, Node"],
  },
  {
    measure: "not enabled: overhead over no wrapper",
    scenario: "not enabled",
    figure: "exec → command, ms",
    limits: [{ of: "p50", atMost: 3 }],
    of: native,
    profile: any,
    isOverhead: true,
  },
  memory("memory, RSS", "RSS, B", 4e6, native),
  memory("memory, anonymous", "anonymous, B", 1e6, native),
  memory("memory, RSS", "RSS, B", 60e6, ["ours, Node"]),
  memory("file", "file, B", 3e6, native),
  memory("processor time a minute, leader", "leader: processor time a minute, ms", 20, native),
  memory("processor time a minute, follower", "follower: processor time a minute, ms", 5, native),
  {
    measure: "simulation, times real time on one processor",
    scenario: "simulation",
    figure: "times real time, count",
    limits: [{ of: "p50", atLeast: 20_000 }],
    of: [yardstick],
    profile: any,
  },
];

/** What no run can show from outside, and which tests do. */
export const unmeasured: readonly string[] = [
  "watchdog lateness with the main loop blocked: `test/node/guard.test.ts`, which can block it",
];

/** One for each target and contestant of which there is anything. */
export function judge(results: Results): readonly Verdict[] {
  return targets.flatMap((target) =>
    (target.of ?? ours).flatMap((contestant) => verdictOf(results, target, contestant) ?? []),
  );
}

function verdictOf(results: Results, target: Target, contestant: string): Verdict | undefined {
  const values = measured(results, target, contestant);
  const { measure, scenario, limits, figure, isCount } = target;
  const unit = isCount ? "" : unitOf(figure);
  const spread = values.length === 0 ? undefined : spreadOf(values);
  const isPlayed = results.rounds.some(
    (round) => round.scenario === scenario && round.contestant === contestant && !round.isVoid,
  );
  if (spread === undefined && !isPlayed) return undefined;
  const told = (of: Limit["of"], spread: Spread | undefined) =>
    spread === undefined ? "never" : `${of} ${textOf(spread[of], unit)}`;
  const goValues = ["client-go, release", "client-go, none"].map((name) =>
    measured(results, target, name),
  );
  const [go] = goValues.filter((values) => values.length > 0).map(spreadOf);
  const sides = limits.map(({ of, atMost = Infinity, atLeast = -Infinity }) => ({
    isMet: spread !== undefined && spread[of] <= atMost && spread[of] >= atLeast,
    target:
      atMost < Infinity ? `${of} ≤ ${textOf(atMost, unit)}` : `${of} ≥ ${textOf(atLeast, unit)}`,
    measured: told(of, spread),
    clientGo: go === undefined ? "–" : told(of, go),
  }));
  const joined = (side: "target" | "measured" | "clientGo") =>
    [...new Set(sides.map((it) => it[side]))].join(", ");
  return {
    measure,
    contestant: contestant === yardstick ? "–" : contestant,
    target: joined("target"),
    measured: joined("measured"),
    clientGo: joined("clientGo"),
    n: spread?.n ?? 0,
    isMet: sides.every(({ isMet }) => isMet),
  };
}

function measured(results: Results, target: Target, contestant: string): readonly number[] {
  const { scenario, figure, profile = usual.name, isCount, isOverhead } = target;
  const query = { scenario, figure, profile, contestant };
  if (isCount === true) {
    const count = countOf(results, query);
    return count === undefined ? [] : [count.sum];
  }
  const values = valuesOf(results, query);
  if (isOverhead !== true || values.length === 0) return values;
  const alone = spreadOf(valuesOf(results, { ...query, contestant: yardstick })).p50;
  return values.map((value) => value - alone);
}

function memory(measure: string, figure: string, atMost: number, of: readonly string[]): Target {
  return { measure, scenario: "idle", figure, limits: [{ of: "p50", atMost }], of };
}
