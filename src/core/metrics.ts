/**
 * What is counted and measured of a run, and the text that Prometheus reads of it (exposition format
 * 0.0.4). Seconds throughout; the names that client-go has are client-go's.
 */

export type Counter =
  | "leader_election_slowpath_total"
  | "await_election_terms_total"
  | "await_election_losses_total"
  | "await_election_api_errors_total";

/** How a term is lost. */
export type LossCause = (typeof lossCauses)[number];

const lossCauses = [
  "expired",
  "deleted",
  "emptied",
  "other holder",
  "same identity",
  "rolled back",
  "watchdog",
] as const;

export interface Counted {
  readonly help: string;
  /** The label by which it is counted, and its values: each is there from the start, with 0. */
  readonly by?: readonly [label: string, ...values: string[]];
}

/** What they count, for who reads it. */
export const counters: Readonly<Record<Counter, Counted>> = {
  leader_election_slowpath_total: {
    help: "Total number of slow path exercised in renewing leader leases.",
  },
  await_election_terms_total: { help: "Terms that this process opened." },
  await_election_losses_total: {
    help: "Terms that ended because the Lease was lost, by reason.",
    by: ["reason", ...lossCauses],
  },
  await_election_api_errors_total: {
    help: "Exchanges with the API server that were no success, by kind.",
    by: ["kind", "401", "403", "429", "4xx", "5xx", "unanswered"],
  },
};

const latencies = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const waits = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 20, 30, 60];

export type Measure =
  | "await_election_handover_seconds"
  | "await_election_takeover_seconds"
  | "await_election_renew_seconds"
  | "await_election_kill_seconds"
  | "await_election_guard_lateness_seconds";

/** What is measured, and in which steps. */
export interface Definition {
  readonly help: string;
  /** Upper bounds in seconds. */
  readonly bounds: readonly number[];
}

export const histograms: Readonly<Record<Measure, Definition>> = {
  await_election_handover_seconds: {
    help: "From the first sight of another's release to the command running here.",
    bounds: waits,
  },
  await_election_takeover_seconds: {
    help: "From the first sight of another's last renewal to the command running here.",
    bounds: waits,
  },
  await_election_renew_seconds: {
    help: "From sending a renewal to its answer, of those that were confirmed.",
    bounds: latencies,
  },
  await_election_kill_seconds: {
    help: "From the order to kill the command to the proof that nothing of it is left.",
    bounds: latencies,
  },
  await_election_guard_lateness_seconds: {
    help: "From the hard deadline to the news that the watchdog has killed.",
    bounds: latencies,
  },
};

export interface Metrics {
  /** By name, and by the value of its label; "" where it has none. */
  readonly counts: Readonly<Partial<Record<Counter, Readonly<Record<string, number>>>>>;
  readonly measured: Readonly<Partial<Record<Measure, Histogram>>>;
}

export interface Histogram {
  /** How many were within each bound and in none before it. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** What is so at the moment. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

export const none: Metrics = { counts: {}, measured: {} };

/** `value` is that of the counter's label. */
export function count(metrics: Metrics, name: Counter, value = ""): Metrics {
  const known = metrics.counts[name] ?? {};
  const counted = { ...known, [value]: (known[value] ?? 0) + 1 };
  return { ...metrics, counts: { ...metrics.counts, [name]: counted } };
}

export function measure(metrics: Metrics, name: Measure, ms: number): Metrics {
  const { bounds } = histograms[name];
  const seconds = Math.max(0, ms) / 1000;
  const known = metrics.measured[name] ?? { counts: bounds.map(() => 0), count: 0, sum: 0 };
  const within = bounds.findIndex((bound) => seconds <= bound);
  const histogram = {
    counts: known.counts.map((had, index) => (index === within ? had + 1 : had)),
    count: known.count + 1,
    sum: known.sum + seconds,
  };
  return { ...metrics, measured: { ...metrics.measured, [name]: histogram } };
}

/** Everything there is, also what was never counted yet. `name` is the Lease's, as in client-go. */
export function exposition(metrics: Metrics, gauges: readonly Gauge[], name: string): string {
  return [
    ...gauges.map((gauge) => [
      ...headOf(gauge.name, gauge.help, "gauge"),
      `${gauge.name}${labelled(gauge.labels ?? {})} ${gauge.value}`,
    ]),
    ...Object.entries(counters).map(([counter, { help, by }]) => [
      ...headOf(counter, help, "counter"),
      ...countLines(counter, by, metrics.counts[counter as Counter], name),
    ]),
    ...Object.entries(histograms).map(([measured, { help, bounds }]) => [
      ...headOf(measured, help, "histogram"),
      ...histogramLines(measured, bounds, metrics.measured[measured as Measure]),
    ]),
  ]
    .flat()
    .map((line) => `${line}\n`)
    .join("");
}

function headOf(name: string, help: string, type: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function countLines(
  counter: string,
  by: Counted["by"],
  counts: Readonly<Record<string, number>> = {},
  name: string,
): string[] {
  if (by !== undefined) {
    const [label, ...values] = by;
    return values.map((value) => `${counter}${labelled({ [label]: value })} ${counts[value] ?? 0}`);
  }
  const labels = counter.startsWith("leader_election_") ? { name } : {};
  return [`${counter}${labelled(labels)} ${counts[""] ?? 0}`];
}

function histogramLines(
  name: string,
  bounds: readonly number[],
  histogram: Histogram = { counts: bounds.map(() => 0), count: 0, sum: 0 },
): string[] {
  let within = 0;
  const buckets = bounds.map((bound, index) => {
    within += histogram.counts[index] ?? 0;
    return `${name}_bucket${labelled({ le: String(bound) })} ${within}`;
  });
  return [
    ...buckets,
    `${name}_bucket${labelled({ le: "+Inf" })} ${histogram.count}`,
    `${name}_sum ${histogram.sum}`,
    `${name}_count ${histogram.count}`,
  ];
}

/** `{a="b"}`, or nothing. */
function labelled(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
}
