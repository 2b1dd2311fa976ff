/** All checkers of a run, told of everything, the ledger first. */
import type { Commit } from "../server.ts";
import type { Tree } from "../tree.ts";
import type { Process, Step, Witness } from "../witness.ts";
import { deadline } from "./deadline.ts";
import { draining } from "./draining.ts";
import { evidence } from "./evidence.ts";
import { Exclusion } from "./exclusion.ts";
import { failStop } from "./fail-stop.ts";
import { incarnations } from "./incarnations.ts";
import { Ledger } from "./ledger.ts";
import { Liveness } from "./liveness.ts";
import { preconditions } from "./preconditions.ts";
import { readiness } from "./readiness.ts";
import { release } from "./release.ts";
import { renewTimes } from "./renew-times.ts";
import { Routing } from "./routing.ts";
import { scope } from "./scope.ts";
import { startGate } from "./start-gate.ts";
import { Takeover } from "./takeover.ts";
import { tokens } from "./tokens.ts";
import type { Verdicts } from "./verdicts.ts";

/** The rules that nothing is asked of but whether they hold. */
const rules: readonly ((verdicts: Verdicts, ledger: Ledger) => Witness)[] = [
  startGate,
  deadline,
  evidence,
  release,
  preconditions,
  (verdicts, ledger) => new Takeover(verdicts, ledger),
  renewTimes,
  incarnations,
  tokens,
  scope,
  failStop,
  draining,
  readiness,
];

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
  readonly routing: Routing;
  readonly #ledger = new Ledger();
  readonly #witnesses: readonly Witness[];

  constructor(verdicts: Verdicts, { leaseMs, longestWaitMs, others }: JuryOptions) {
    const ledger = this.#ledger;
    this.verdicts = verdicts;
    this.exclusion = new Exclusion(verdicts, ledger, leaseMs);
    this.liveness = new Liveness(verdicts, ledger, leaseMs, longestWaitMs);
    this.routing = new Routing(verdicts, ledger);
    this.#witnesses = [
      this.exclusion,
      ...rules.map((rule) => rule(verdicts, ledger)),
      this.liveness,
      this.routing,
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

  routed(addresses: readonly string[]): void {
    for (const witness of this.#witnesses) witness.routed?.(addresses);
  }

  ended(process: Process, isByOrder: boolean): void {
    for (const witness of this.#witnesses) witness.ended?.(process, isByOrder);
  }

  struck(fault: string, untilMs: number): void {
    for (const witness of this.#witnesses) witness.struck?.(fault, untilMs);
  }
}
