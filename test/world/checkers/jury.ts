/** All checkers of a run, told of everything, the ledger first. */
import type { Commit } from "../server.ts";
import type { Tree } from "../tree.ts";
import type { Process, Step, Witness } from "../witness.ts";
import { Deadline } from "./deadline.ts";
import { Draining } from "./draining.ts";
import { Evidence } from "./evidence.ts";
import { Exclusion } from "./exclusion.ts";
import { FailStop } from "./fail-stop.ts";
import { Ledger } from "./ledger.ts";
import { Liveness } from "./liveness.ts";
import { Release } from "./release.ts";
import { Routing } from "./routing.ts";
import { StartGate } from "./start-gate.ts";
import { Takeover } from "./takeover.ts";
import { Tokens } from "./tokens.ts";
import type { Verdicts } from "./verdicts.ts";
import { Incarnations, RenewTimes, Scope, Writes } from "./writes.ts";

export interface JuryOptions {
  readonly leaseMs: number;
  readonly longestWaitMs: number;
  /** Whoever else wants to be told, such as a coverage table or a story. */
  readonly others: readonly Witness[];
}

export class Jury implements Required<Witness> {
  readonly verdicts: Verdicts;
  readonly exclusion: Exclusion;
  readonly liveness: Liveness;
  readonly #ledger = new Ledger();
  readonly #witnesses: readonly Witness[];

  constructor(verdicts: Verdicts, { leaseMs, longestWaitMs, others }: JuryOptions) {
    const ledger = this.#ledger;
    this.verdicts = verdicts;
    this.exclusion = new Exclusion(verdicts, ledger);
    this.liveness = new Liveness(verdicts, ledger, leaseMs, longestWaitMs);
    this.#witnesses = [
      this.exclusion,
      new StartGate(verdicts, ledger),
      new Deadline(verdicts, ledger),
      new Evidence(verdicts, ledger),
      new Release(verdicts, ledger),
      new Writes(verdicts, ledger),
      new Takeover(verdicts, ledger),
      new RenewTimes(verdicts, ledger),
      new Incarnations(verdicts, ledger),
      new Tokens(verdicts, ledger),
      new Routing(verdicts, ledger),
      new Scope(verdicts, ledger),
      new FailStop(verdicts),
      new Draining(verdicts, ledger),
      this.liveness,
      ...others,
    ];
  }

  stepped(step: Step): void {
    this.#ledger.stepped(step, this.verdicts.nowMs);
    for (const witness of this.#witnesses) witness.stepped?.(step);
  }

  committed(commit: Commit): void {
    for (const witness of this.#witnesses) witness.committed?.(commit);
  }

  started(tree: Tree, process?: Process): void {
    for (const witness of this.#witnesses) witness.started?.(tree, process);
  }

  emptied(tree: Tree, process?: Process): void {
    for (const witness of this.#witnesses) witness.emptied?.(tree, process);
  }

  ended(process: Process, isByOrder: boolean): void {
    for (const witness of this.#witnesses) witness.ended?.(process, isByOrder);
  }

  struck(fault: string, untilMs: number): void {
    for (const witness of this.#witnesses) witness.struck?.(fault, untilMs);
  }
}
