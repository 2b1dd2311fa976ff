/**
 * Metrics of the electors of a registry: counts and histograms as the entry point has them, and the
 * gauge that client-go has. A registry asks for the values when it is scraped, so nothing is kept here.
 */
import {
  type Counter,
  counters,
  type Histogram,
  histograms,
  type Measure,
  type Metrics,
  none,
} from "../core/metrics.ts";
import type { Campaigning } from "./program/state.ts";
import type { LeaseName } from "./settings.ts";

/** What is used of prom-client's `Registry`. */
export interface MetricsRegistry {
  /** Once for each metric; the registry asks it for its values when it is scraped. */
  registerMetric(metric: never): void;
}

type Labels = Readonly<Record<string, string>>;

interface Value {
  readonly value: number;
  readonly labels: Labels;
  readonly metricName?: string;
}

/** A metric as a registry of prom-client calls it. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly aggregator: "sum" | "max";
  get(): Promise<Omit<Metric, "get" | "reset"> & { readonly values: readonly Value[] }>;
  /** There is nothing to forget that an elector does not know itself. */
  reset(): void;
}

interface Source {
  readonly labels: Labels;
  readonly state: () => Campaigning | undefined;
}

const registries = new WeakMap<MetricsRegistry, Set<Source>>();

/** What the library has to count: the others are about a command, a Service or a watchdog. */
const counted: readonly Counter[] = [
  "leader_election_slowpath_total",
  "await_election_terms_total",
  "await_election_losses_total",
  "await_election_api_errors_total",
];
const measured: readonly Measure[] = [
  "await_election_handover_seconds",
  "await_election_takeover_seconds",
  "await_election_renew_seconds",
];

/** Adds an elector to a registry; returns the way to take it out. */
export function registerMetrics(
  registry: MetricsRegistry,
  { namespace, name }: LeaseName,
  state: () => Campaigning | undefined,
): () => void {
  const sources = registries.get(registry) ?? new Set();
  if (!registries.has(registry)) {
    registries.set(registry, sources);
    for (const metric of metricsOf(sources)) registry.registerMetric(metric as never);
  }
  const source = { labels: { name, namespace }, state };
  sources.add(source);
  return () => sources.delete(source);
}

function metricsOf(sources: ReadonlySet<Source>): Metric[] {
  return [
    metricOf("leader_election_master_status", "Whether this elector leads.", "gauge", () =>
      [...sources].map(({ labels, state }) => ({ labels, value: isLeading(state()) ? 1 : 0 })),
    ),
    ...counted.map((name) =>
      metricOf(name, counters[name].help, "counter", () =>
        [...sources].flatMap((source) => countsOf(source, name)),
      ),
    ),
    ...measured.map((name) =>
      metricOf(name, histograms[name].help, "histogram", () =>
        [...sources].flatMap((source) => histogramOf(source, name)),
      ),
    ),
  ];
}

function metricOf(
  name: string,
  help: string,
  type: Metric["type"],
  values: () => readonly Value[],
): Metric {
  const about = { name, help, type, aggregator: type === "gauge" ? "max" : "sum" } as const;
  return {
    ...about,
    get: () => Promise.resolve({ ...about, values: values() }),
    reset() {},
  };
}

function isLeading(state: Campaigning | undefined): boolean {
  return state?.election.phase.name === "leading";
}

function observedOf({ state }: Source): Metrics {
  return state()?.observed.metrics ?? none;
}

function countsOf(source: Source, name: Counter): Value[] {
  const { labels } = source;
  const counts = observedOf(source).counts[name] ?? {};
  const [label, ...values] = counters[name].by ?? [];
  if (label === undefined) return [{ labels, value: counts[""] ?? 0 }];
  return values.map((value) => ({
    labels: { ...labels, [label]: value },
    value: counts[value] ?? 0,
  }));
}

function histogramOf(source: Source, name: Measure): Value[] {
  const { labels } = source;
  const { bounds } = histograms[name];
  const known: Histogram = observedOf(source).measured[name] ?? { counts: [], count: 0, sum: 0 };
  let within = 0;
  const buckets = bounds.map((bound, index) => {
    within += known.counts[index] ?? 0;
    return bucket(labels, String(bound), within);
  });
  return [
    ...buckets,
    bucket(labels, "+Inf", known.count),
    { metricName: `${name}_sum`, labels, value: known.sum },
    { metricName: `${name}_count`, labels, value: known.count },
  ];

  function bucket(own: Labels, le: string, value: number): Value {
    return { metricName: `${name}_bucket`, labels: { le, ...own }, value };
  }
}
