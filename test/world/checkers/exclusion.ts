/**
 * S1: no two command trees run at the same real time, where A1–A8 hold.
 *
 * Outside of them an overlap has a stated bound: the tree of a node that was suspended past H lives at
 * most W + κ from its waking; one in uninterruptible sleep until that ends and κ; where somebody
 * deleted the Lease under a leader twice within D, or had it created by a process that never saw it
 * (A8), it ends with the old leader's H + W + κ.
 */
import { later } from "../../../src/core/protocol.ts";
import { watchdogLatenessMs } from "../process.ts";
import type { Commit } from "../server.ts";
import { deathMs, type Tree } from "../tree.ts";
import type { Process, Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

const graceMs = watchdogLatenessMs + deathMs + 1;

interface Alive {
  readonly tree: Tree;
  readonly process: Process | undefined;
  /** When its last write was committed, without which it would not run. */
  readonly claimedAtMs: number;
  readonly overlaps: Overlap[];
}

/** Of the Lease, by an operator. */
interface Deletion {
  readonly atMs: number;
  /** It was the second within D, or who never saw the Lease has created it again. */
  breaksA8: boolean;
}

interface Overlap {
  readonly fromMs: number;
  readonly with: string;
  readonly excuse: "suspended" | "stuck" | "deleted";
}

export class Exclusion implements Witness {
  /** How long two ran at once, each time that nothing forbids it. */
  readonly excusedMs: number[] = [];
  terms = 0;
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;
  readonly #leaseMs: number;
  readonly #alive = new Map<Tree, Alive>();
  readonly #wroteAtMs = new Map<string, number>();
  readonly #deletions: Deletion[] = [];

  constructor(verdicts: Verdicts, ledger: Ledger, leaseMs: number) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
    this.#leaseMs = leaseMs;
  }

  committed({ by, before, after, atMs }: Commit): void {
    this.#wroteAtMs.set(by, atMs);
    const last = this.#deletions.at(-1);
    if (after === undefined) {
      const isSecond = last !== undefined && atMs - last.atMs <= this.#leaseMs;
      this.#deletions.push({ atMs, breaksA8: isSecond });
    } else if (before === undefined && last !== undefined) {
      const { sawHolderAtMs = Infinity } = this.#ledger.of({ id: by });
      last.breaksA8 ||= sawHolderAtMs > last.atMs;
    }
  }

  started(tree: Tree, process?: Process): void {
    const nowMs = this.#verdicts.nowMs;
    this.terms += 1;
    for (const other of this.#alive.values()) {
      // What client-go's electors do to each other is none of ours.
      if (process === undefined && other.process === undefined) continue;
      const excuse = this.#excuseOf(other);
      if (excuse === undefined) {
        const text = `${tree.options.owner} starts while ${other.tree.options.owner} runs`;
        this.#verdicts.violated("S1", text);
      } else other.overlaps.push({ fromMs: nowMs, with: tree.options.owner, excuse });
    }
    const claimedAtMs = this.#wroteAtMs.get(tree.options.owner) ?? nowMs;
    this.#alive.set(tree, { tree, process, claimedAtMs, overlaps: [] });
  }

  emptied(tree: Tree): void {
    const alive = this.#alive.get(tree);
    if (alive === undefined) return;
    this.#alive.delete(tree);
    for (const overlap of alive.overlaps) this.#judge(alive, overlap);
  }

  #excuseOf({ process, tree, claimedAtMs }: Alive): Overlap["excuse"] | undefined {
    const nowMs = this.#verdicts.nowMs;
    const { machine } = process ?? {};
    if (machine !== undefined && (machine.sleeps || nowMs - machine.wokeAtMs <= graceMs)) {
      return "suspended";
    }
    if (tree.stuckUntilMs > nowMs - deathMs) return "stuck";
    const isDisowned = this.#deletions.some(({ atMs, breaksA8 }) => breaksA8 && atMs > claimedAtMs);
    return isDisowned ? "deleted" : undefined;
  }

  #judge({ tree, process }: Alive, { fromMs, with: other, excuse }: Overlap): void {
    const nowMs = this.#verdicts.nowMs;
    const machine = process?.machine;
    // A suspended tree does nothing; one that dies in its sleep never did.
    if (machine?.sleeps === true) return;
    const sinceMs = excuse === "suspended" ? Math.max(fromMs, machine?.wokeAtMs ?? 0) : fromMs;
    if (nowMs <= sinceMs) return;
    this.excusedMs.push(nowMs - sinceMs);
    if (this.#isWithin(excuse, tree, process)) return;
    const text = `${tree.options.owner} outlives its excuse (${excuse}) beside ${other}`;
    this.#verdicts.violated("S1", text);
  }

  /** A node can sleep and its tree be stuck at the same time. */
  #isWithin(excuse: Overlap["excuse"], tree: Tree, process: Process | undefined): boolean {
    const nowMs = this.#verdicts.nowMs;
    if (process === undefined) return true;
    const { machine, timing } = process;
    if (nowMs - machine.wokeAtMs <= graceMs || nowMs <= tree.stuckUntilMs + graceMs) return true;
    const { confirmedAt } = this.#ledger.of(process);
    if (excuse !== "deleted" || confirmedAt === undefined) return false;
    return machine.now().instant <= later(confirmedAt, timing.killMs + graceMs * machine.rate);
  }
}
