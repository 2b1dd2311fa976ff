/** Values out of results, however many rounds they come from. */
import type { Results, RoundRecord } from "../results.ts";

export interface Query {
  readonly scenario: string;
  readonly profile: string;
  readonly contestant: string;
  readonly figure: string;
}

/** How long two commands ran at once, at most in each round; 0 where they never did. */
export const overlap = "two commands, ms";

/** All rounds that came to something. */
export function roundsOf(results: Results, query: Partial<Query>): readonly RoundRecord[] {
  const { scenario, profile, contestant } = query;
  return results.rounds.filter(
    (round) =>
      round.isVoid !== true &&
      round.error === undefined &&
      (scenario === undefined || round.scenario === scenario) &&
      (profile === undefined || round.profile === profile) &&
      (contestant === undefined || round.contestant === contestant),
  );
}

export function valuesOf(results: Results, query: Query): readonly number[] {
  const rounds = roundsOf(results, query);
  if (query.figure === overlap) {
    return rounds.flatMap(({ overlapsMs }) => (overlapsMs ? [Math.max(0, ...overlapsMs)] : []));
  }
  return rounds.flatMap(({ figures }) => figures[query.figure] ?? []);
}

/** The sum of a count, and of how many rounds; nothing where it was never counted. */
export function countOf(
  results: Results,
  query: Query,
): { readonly sum: number; readonly n: number } | undefined {
  const counts = roundsOf(results, query).map(({ counts }) => counts?.[query.figure]);
  const known = counts.filter((count) => count !== undefined);
  if (known.length === 0) return undefined;
  return { sum: known.reduce((sum, count) => sum + count, 0), n: known.length };
}

/** In the order in which they first come. */
export function namesOf(
  results: Results,
  what: "scenario" | "profile" | "contestant",
  query: Partial<Query> = {},
): readonly string[] {
  return [...new Set(roundsOf(results, query).map((round) => round[what]))];
}

export function figuresOf(results: Results, query: Partial<Query>): readonly string[] {
  const rounds = roundsOf(results, query);
  const own = rounds.flatMap(({ figures }) => Object.keys(figures));
  const hasOverlap = rounds.some(({ overlapsMs }) => overlapsMs !== undefined);
  return [...new Set([...own, ...(hasOverlap ? [overlap] : [])])];
}

/** What stands behind the last comma of a figure's name; nothing for a plain number. */
export function unitOf(figure: string): string {
  const unit = figure.slice(figure.lastIndexOf(", ") + 2);
  return unit === "count" ? "" : unit;
}

export function titleOf(figure: string): string {
  return figure.slice(0, figure.lastIndexOf(", "));
}
