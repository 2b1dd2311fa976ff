/** Arithmetic on what was measured. */

export interface Spread {
  readonly n: number;
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * By the nearest rank, so that every figure is one that was measured: of few values p99 is the greatest.
 *
 * @throws where there are no values.
 */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => {
    const value = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
    if (value === undefined) throw new Error("Cannot tell the spread of no values.");
    return value;
  };
  return { n: sorted.length, min: at(0), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** How many values in a hundred are at most as large, for each of them: a step upwards at each. */
export function shares(values: readonly number[]): readonly { value: number; percent: number }[] {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted.map((value, at) => ({ value, percent: (100 * (at + 1)) / sorted.length }));
}

/** Three digits that say something, with the unit that makes them readable. */
export function textOf(value: number, unit: string): string {
  if (unit === "ms" && Math.abs(value) >= 1000) return `${Number((value / 1000).toFixed(2))} s`;
  if (unit === "B" && Math.abs(value) >= 1e6) return `${digits(value / 1e6)} MB`;
  if (unit === "B" && Math.abs(value) >= 1e3) return `${digits(value / 1e3)} kB`;
  return unit === "" ? digits(value) : `${digits(value)} ${unit}`;
}

function digits(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
