/**
 * What the runs have seen: how often a process in this phase took this report while that fault was
 * felt. A cell that stays empty is a case that nobody has tried.
 */
import type { Program } from "../../src/core/program.ts";
import { faultNames } from "./faults.ts";
import type { Step, Witness } from "./witness.ts";
import type { World } from "./world.ts";

export const phases: readonly string[] = ["candidate", "claiming", "leading", "releasing"];

/** Reports as the table tells them apart. */
export const reports: readonly string[] = [
  "tick",
  "signalled",
  "answered 2xx",
  "answered 404",
  "answered 409",
  "answered 4xx",
  "answered 5xx",
  "unanswered",
  "opened",
  "line",
  "ended",
  "guardReady",
  "guardFired",
  "guardLost",
  "started",
  "startFailed",
  "probed",
  "exited",
  "emptied",
];

/** How long a fault is felt after its end, in lease durations: what it left to be dealt with. */
const aftermath = 2;

export type Counts = readonly number[];

export class Coverage implements Witness {
  readonly counts: number[] = phases.flatMap(() => reports.flatMap(() => faultNames.map(() => 0)));
  readonly #world: World;
  readonly #aftermathMs: number;
  readonly #feltUntilMs: number[] = faultNames.map(() => -Infinity);

  constructor(world: World, leaseMs: number) {
    this.#world = world;
    this.#aftermathMs = aftermath * leaseMs;
  }

  struck(fault: string, untilMs: number): void {
    const at = faultNames.indexOf(fault);
    const feltMs = untilMs + this.#aftermathMs;
    this.#feltUntilMs[at] = Math.max(this.#feltUntilMs[at] ?? 0, feltMs);
  }

  stepped({ report, before }: Step): void {
    const phase = phaseOf(before);
    const row = report === undefined ? -1 : reports.indexOf(nameOf(report));
    if (phase === -1 || row === -1) return;
    const first = (phase * reports.length + row) * faultNames.length;
    const { nowMs } = this.#world;
    for (let fault = 0; fault < this.#feltUntilMs.length; fault++) {
      if (nowMs > (this.#feltUntilMs[fault] ?? 0)) continue;
      const cell = first + fault;
      this.counts[cell] = (this.counts[cell] ?? 0) + 1;
    }
  }
}

/** Adds one table to another. */
export function add(sum: number[], counts: Counts): void {
  for (const [cell, count] of counts.entries()) sum[cell] = (sum[cell] ?? 0) + count;
}

/**
 * The pairs of phase and report that the protocol and the program exclude; every other cell of the
 * table can happen.
 */
const impossible: Readonly<Record<string, readonly string[]>> = {
  // It only reads. Nothing is probed but a leader's command.
  candidate: ["answered 409", "probed"],
  // Its only exchange is the claim. The tree of its last term is verified empty, and no host says
  // so before it has told how the start went, and the end.
  claiming: ["answered 404", "startFailed", "started", "probed", "exited", "emptied"],
  // The same; and there is nothing to release from H on, when the watchdog fires.
  releasing: ["startFailed", "started", "probed", "exited", "guardFired", "emptied"],
};

export interface Cell {
  readonly phase: string;
  readonly report: string;
  readonly fault: string;
  readonly count: number;
}

export function cellsOf(counts: Counts): Cell[] {
  return phases.flatMap((phase, p) =>
    reports.flatMap((report, r) =>
      faultNames.map((fault, f) => ({
        phase,
        report,
        fault,
        count: counts[(p * reports.length + r) * faultNames.length + f] ?? 0,
      })),
    ),
  );
}

/** Cells that can happen, and did not. */
export function emptyCells(counts: Counts): Cell[] {
  return cellsOf(counts).filter(
    ({ phase, report, count }) => count === 0 && !impossible[phase]?.includes(report),
  );
}

function phaseOf(program: Program | undefined): number {
  if (program?.name !== "running") return -1;
  return phases.indexOf(program.election.phase.name);
}

function nameOf(report: NonNullable<Step["report"]>): string {
  if (report.type !== "answered") return report.type;
  const { status } = report;
  if (status < 300) return "answered 2xx";
  if (status === 404 || status === 409) return `answered ${status}`;
  return status >= 500 || status === 429 ? "answered 5xx" : "answered 4xx";
}
