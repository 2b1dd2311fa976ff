/**
 * S1: no two command trees run at the same real time, where A1–A8 hold.
 *
 * Outside of them an overlap has a stated bound: the tree of a node that was suspended past H lives at
 * most W + κ from its waking; one in uninterruptible sleep until that ends and κ; where somebody
 * deleted the Lease under a leader (A8), it ends with the old leader's H + W + κ.
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
  readonly startedAtMs: number;
  /** Deletions of the Lease since it started. */
  readonly deletedAtMs: number[];
  readonly overlaps: Overlap[];
}

interface Overlap {
  readonly fromMs: number;
  readonly with: string;
  readonly excuse: "suspended" | "stuck" | "deleted";
}

export interface Term {
  readonly owner: string;
  readonly startedAtMs: number;
  endedAtMs?: number;
}

export class Exclusion implements Witness {
  readonly rule = "S1";
  /** How long two ran at once, each time that nothing forbids it. */
  readonly excusedMs: number[] = [];
  terms = 0;
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;
  readonly #alive = new Map<Tree, Alive>();
  #emptySinceMs = 0;

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  /** How long nobody has run a command. */
  get emptyMs(): number {
    return this.#alive.size > 0 ? 0 : this.#verdicts.nowMs - this.#emptySinceMs;
  }

  committed({ before, after, atMs }: Commit): void {
    if (before === undefined || after !== undefined) return;
    for (const { deletedAtMs } of this.#alive.values()) deletedAtMs.push(atMs);
  }

  started(tree: Tree, process?: Process): void {
    const nowMs = this.#verdicts.nowMs;
    this.terms += 1;
    for (const other of this.#alive.values()) {
      // What client-go's electors do to each other is none of ours.
      if (process === undefined && other.process === undefined) continue;
      const excuse = this.#excuseOf(other, process);
      if (excuse === undefined) {
        const text = `${tree.options.owner} starts while ${other.tree.options.owner} runs`;
        this.#verdicts.violated("S1", text);
      } else other.overlaps.push({ fromMs: nowMs, with: tree.options.owner, excuse });
    }
    const alive = { tree, process, startedAtMs: nowMs, deletedAtMs: [], overlaps: [] };
    this.#alive.set(tree, alive);
  }

  emptied(tree: Tree): void {
    const alive = this.#alive.get(tree);
    if (alive === undefined) return;
    this.#alive.delete(tree);
    if (this.#alive.size === 0) this.#emptySinceMs = this.#verdicts.nowMs;
    for (const overlap of alive.overlaps) this.#judge(alive, overlap);
  }

  #excuseOf(old: Alive, process: Process | undefined): Overlap["excuse"] | undefined {
    const nowMs = this.#verdicts.nowMs;
    const { machine } = old.process ?? {};
    if (machine !== undefined && (machine.sleeps || nowMs - machine.wokeAtMs <= graceMs)) {
      return "suspended";
    }
    if (old.tree.stuckUntilMs > nowMs - deathMs) return "stuck";
    const deletedAtMs = old.deletedAtMs.at(-1);
    if (deletedAtMs === undefined || process === undefined) return undefined;
    const { sawHolderAtMs } = this.#ledger.of(process);
    const neverSawIt = sawHolderAtMs === undefined || sawHolderAtMs > deletedAtMs;
    const twice = old.deletedAtMs.length > 1;
    return neverSawIt || twice ? "deleted" : undefined;
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
