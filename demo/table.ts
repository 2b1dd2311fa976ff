/** The summary as a table for people. */
import type { Summary } from "./summary.ts";

export function tableOf({ steps, overlaps }: Summary): readonly string[] {
  return [
    row("step", "gap ms", "overlap ms"),
    ...steps.map(({ step, gapMs, overlapMs }) =>
      row(step, gapMs.toFixed(0), overlapMs.toFixed(overlapMs < 10 && overlapMs > 0 ? 1 : 0)),
    ),
    overlaps === 0
      ? "At no time did two commands run."
      : `Two commands ran at once: ${overlaps} ${overlaps === 1 ? "time" : "times"}.`,
  ];
}

function row(step: string, gap: string, overlap: string): string {
  return `${step.padEnd(11)}${gap.padStart(8)}${overlap.padStart(12)}`;
}
