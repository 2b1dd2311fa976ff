/** Measured figures: what came out of so many runs, as a table for people and a file for programs. */
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Figure {
  readonly n: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Rounded to whole units, as fine as anything here is measured. */
export function figureOf(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  const [min, max] = [sorted[0]!, sorted.at(-1)!];
  return {
    n: values.length,
    min: Math.round(min),
    median: Math.round(median),
    max: Math.round(max),
  };
}

export function tableOf(figures: Readonly<Record<string, Figure>>): string {
  const width = Math.max(...Object.keys(figures).map((name) => name.length));
  const line = (name: string, cells: readonly (string | number)[]) =>
    [name.padEnd(width), ...cells.map((cell) => String(cell).padStart(8))].join(" ");
  const rows = Object.entries(figures).map(([name, { n, min, median, max }]) =>
    line(name, [n, min, median, max]),
  );
  return [line("", ["n", "min", "median", "max"]), ...rows].join("\n");
}

/** Writes `.cache/figures/NAME.json`, with how busy the machine was. */
export async function keepFigures(
  name: string,
  figures: Readonly<Record<string, Figure>>,
): Promise<void> {
  // Found from where this module runs, which is dist/test/cluster.
  const folder = fileURLToPath(new URL("../../../.cache/figures", import.meta.url));
  const machine = { processors: availableParallelism(), load: loadavg(), node: process.version };
  await mkdir(folder, { recursive: true });
  const text = JSON.stringify({ at: new Date().toISOString(), machine, figures }, undefined, 2);
  await writeFile(join(folder, `${name}.json`), `${text}\n`);
}
