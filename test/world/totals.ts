/** What many runs add up to. */
import { add, cellsOf, type Counts, emptyCells } from "./coverage.ts";
import type { RunResult } from "./run.ts";

/** A run that broke a rule. */
export interface Failure {
  readonly seed: number;
  readonly rules: readonly string[];
  readonly first: string;
}

/** Adds up, and is itself what a worker hands over. */
export interface Totals {
  seeds: number;
  virtualMs: number;
  terms: number;
  strikes: number;
  violations: number;
  readonly failures: Failure[];
  /** How often an overlap was excused, and the longest one: see `checkers/exclusion.ts`. */
  excused: number;
  longestExcusedMs: number;
  /** Hand-overs in calm times by their length in whole milliseconds. */
  readonly handovers: Record<string, Record<number, number>>;
  readonly coverage: number[];
}

/** More say nothing new. */
const failuresKept = 20;

export function nothing(): Totals {
  return {
    seeds: 0,
    virtualMs: 0,
    terms: 0,
    strikes: 0,
    violations: 0,
    failures: [],
    excused: 0,
    longestExcusedMs: 0,
    handovers: {},
    coverage: [],
  };
}

export function take(totals: Totals, result: RunResult): void {
  totals.seeds += 1;
  totals.virtualMs += result.virtualMs;
  totals.terms += result.terms;
  totals.strikes += result.strikes.length;
  totals.violations += result.violations.length;
  const [first] = result.violations;
  if (first !== undefined) {
    const rules = [...new Set(result.violations.map(({ rule }) => rule))];
    const at = (first.atMs / 1000).toFixed(3);
    totals.failures.push({
      seed: result.seed,
      rules,
      first: `${first.rule} at ${at} s: ${first.what}`,
    });
  }
  totals.excused += result.excusedMs.length;
  totals.longestExcusedMs = Math.max(totals.longestExcusedMs, ...result.excusedMs);
  for (const [cause, times] of Object.entries(result.handoversMs)) {
    const sums = (totals.handovers[cause] ??= {});
    for (const ms of times) sums[Math.round(ms)] = (sums[Math.round(ms)] ?? 0) + 1;
  }
  add(totals.coverage, result.coverage);
}

export function merge(totals: Totals, more: Totals): void {
  totals.seeds += more.seeds;
  totals.virtualMs += more.virtualMs;
  totals.terms += more.terms;
  totals.strikes += more.strikes;
  totals.violations += more.violations;
  totals.failures.push(...more.failures.slice(0, failuresKept - totals.failures.length));
  totals.excused += more.excused;
  totals.longestExcusedMs = Math.max(totals.longestExcusedMs, more.longestExcusedMs);
  for (const [cause, counts] of Object.entries(more.handovers)) {
    const sums = (totals.handovers[cause] ??= {});
    for (const [ms, count] of Object.entries(counts)) {
      sums[Number(ms)] = (sums[Number(ms)] ?? 0) + count;
    }
  }
  add(totals.coverage, more.coverage);
}

export interface Percentiles {
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Of counts by milliseconds. */
export function percentilesOf(counts: Readonly<Record<number, number>>): Percentiles {
  const sorted = Object.entries(counts)
    .map(([ms, count]) => [Number(ms), count] as const)
    .sort(([a], [b]) => a - b);
  const n = sorted.reduce((sum, [, count]) => sum + count, 0);
  const at = (share: number) => {
    let left = share * n;
    for (const [ms, count] of sorted) {
      left -= count;
      if (left <= 0) return ms;
    }
    return sorted.at(-1)?.[0] ?? 0;
  };
  return { n, p50: at(0.5), p99: at(0.99), max: sorted.at(-1)?.[0] ?? 0 };
}

/** The table of phases and reports, each with its count over all faults and the faults never met. */
export function coverageLines(counts: Counts): string[] {
  const rows = new Map<string, { count: number; missing: string[] }>();
  const missing = emptyCells(counts);
  for (const { phase, report, count } of cellsOf(counts)) {
    const key = `${phase.padEnd(10)} ${report.padEnd(13)}`;
    const row = rows.get(key) ?? { count: 0, missing: [] };
    row.count += count;
    rows.set(key, row);
  }
  for (const { phase, report, fault } of missing) {
    rows.get(`${phase.padEnd(10)} ${report.padEnd(13)}`)?.missing.push(fault);
  }
  return [...rows].map(([key, { count, missing: faults }]) => {
    const gaps = faults.length === 0 ? "" : `  never with ${faults.join(", ")}`;
    return `${key} ${String(count).padStart(12)}${count === 0 && gaps === "" ? "  impossible" : gaps}`;
  });
}
