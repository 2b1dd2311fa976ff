/** A run as lines for a human: what struck, who wrote what, which commands ran, what was violated. */
import type { Lease } from "../../src/core/lease.ts";
import { describeOrder, describeReport } from "../../src/core/transcript.ts";
import type { Commit } from "./server.ts";
import type { Tree } from "./tree.ts";
import type { Process, Step, Witness } from "./witness.ts";

export class Story implements Witness {
  readonly lines: string[] = [];
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  say(text: string): void {
    this.lines.push(`${(this.#nowMs() / 1000).toFixed(3).padStart(9)} ${text}`);
  }

  struck(fault: string, untilMs: number): void {
    this.say(`        *** ${fault} until ${(untilMs / 1000).toFixed(3)}`);
  }

  committed({ by, before, after }: Commit): void {
    this.say(`${by.padEnd(8)} wrote ${textOf(before)} → ${textOf(after)}`);
  }

  started(tree: Tree, process?: Process): void {
    this.say(
      `${(process?.id ?? tree.options.owner).padEnd(8)} RUNS with token ${tree.options.token}`,
    );
  }

  emptied(tree: Tree): void {
    this.say(`${tree.options.owner.padEnd(8)} runs no more`);
  }

  ended(process: Process, isByOrder: boolean): void {
    this.say(`${process.id.padEnd(8)} ${isByOrder ? "leaves" : "is killed"}`);
  }

  stepped({ process, report, orders, before, now }: Step): void {
    const phase = before?.name === "running" ? before.election.phase.name : (before?.name ?? "");
    const told = report === undefined ? "begins" : describeReport(report);
    this.say(`${process.id.padEnd(8)} ${phase} ← ${told}`);
    for (const order of orders) this.say(`${"".padEnd(8)} → ${describeOrder(order, now.instant)}`);
  }
}

function textOf(lease: Lease | undefined): string {
  if (lease === undefined) return "no Lease";
  return `${JSON.stringify(lease.holder)} v${lease.version}`;
}
