/**
 * The file of a run: what it ran on, and every round as it was measured. It is written after each round
 * and always whole, so that a run that was stopped has lost nothing and can be taken up again.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Machine } from "./machine.ts";

export interface Results {
  /** Of this format. */
  readonly version: 1;
  readonly isQuick: boolean;
  readonly startedAt: string;
  /** What was left out, and why. */
  readonly leftOut: readonly string[];
  readonly machine: Machine;
  /** Seconds that went into rounds, of all sessions. */
  spentS: number;
  readonly rounds: RoundRecord[];
}

/** What one round has shown. */
export interface Round {
  /** Named values; the unit stands at the end of the name, such as `hand-over, ms`. */
  readonly figures: Readonly<Record<string, readonly number[]>>;
  /** Named yes (1) and no (0), or how often. */
  readonly counts?: Readonly<Record<string, number>>;
  /** How long each command went on beside a later one; empty where none did. */
  readonly overlapsMs?: readonly number[];
}

export interface Cell {
  readonly scenario: string;
  readonly profile: string;
  readonly contestant: string;
  /** From 0 on. */
  readonly round: number;
}

export interface RoundRecord extends Cell, Round {
  readonly at: string;
  readonly tookS: number;
  /** Of the whole machine, as its last round ended. */
  readonly load: number;
  /** The longest time for which the harness itself was late, in ms. */
  readonly lagMs: number;
  /** The machine was too busy for it; it is played again. */
  readonly isVoid?: true;
  /** What it failed with; it counts as played. */
  readonly error?: string;
}

export function saveResults(file: string, results: Results): void {
  mkdirSync(dirname(file), { recursive: true });
  const { rounds, ...head } = results;
  // One line for each round: what a run adds is what a diff shows.
  const lines = rounds.map((round) => `    ${JSON.stringify(round)}`).join(",\n");
  const text = JSON.stringify({ ...head, rounds: [] }, undefined, 2);
  writeFileSync(`${file}.new`, `${text.slice(0, text.lastIndexOf("[]"))}[\n${lines}\n  ]\n}\n`);
  renameSync(`${file}.new`, file);
}

/** @throws where it is no results file of this format. */
export function loadResults(file: string): Results {
  const results = JSON.parse(readFileSync(file, "utf8")) as Results;
  if (results.version !== 1 || !Array.isArray(results.rounds)) {
    throw new Error(`Cannot read ${file}: it is no file of results in format 1.`);
  }
  return results;
}

export function isSameCell(a: Cell, b: Cell): boolean {
  return (
    a.scenario === b.scenario &&
    a.profile === b.profile &&
    a.contestant === b.contestant &&
    a.round === b.round
  );
}
