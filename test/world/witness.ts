/** What the checkers are told of a run, as it truly was: no program sees any of it. */
import type { Program } from "../../src/core/program.ts";
import type { Facts, Now, Order, Report } from "../../src/core/protocol.ts";
import type { Timing } from "../../src/core/timing.ts";
import type { Machine } from "./machine.ts";
import type { Commit } from "./server.ts";
import type { Tree } from "./tree.ts";

/** One process of ours, from its start to its end. */
export interface Process {
  /** Names the process in the story of a run: replica and count. */
  readonly id: string;
  readonly facts: Facts;
  readonly identity: string;
  readonly timing: Timing;
  readonly machine: Machine;
  readonly startedAtMs: number;
  /** Its loop takes no report now. */
  readonly isStalled: boolean;
  /** When it last took reports again after a stall, in real time. */
  readonly resumedAtMs: number;
  readonly tree: Tree | undefined;
  readonly program: Program | undefined;
  /** How long its exchanges have been going wrong, or did last; 0 if that is longer ago than this. */
  outageMs(agoMs: number): number;
}

export interface Step {
  readonly process: Process;
  /** Undefined for the very first, which has no report. */
  readonly report: Report | undefined;
  readonly orders: readonly Order[];
  readonly now: Now;
  readonly before: Program | undefined;
}

/** Whatever takes an interest implements what it needs. */
export interface Witness {
  stepped?(step: Step): void;
  committed?(commit: Commit): void;
  /** `process` is absent for a client-go elector's work. */
  started?(tree: Tree, process?: Process): void;
  emptied?(tree: Tree, process?: Process): void;
  /** What routes the Service was written: the addresses that it names now. */
  routed?(addresses: readonly string[]): void;
  /** A process is gone, by an order of its own or not. */
  ended?(process: Process, isByOrder: boolean): void;
  /** A fault struck; it is felt until then. */
  struck?(fault: string, untilMs: number): void;
}
