/** What must hold of every run, whatever strikes: the rules of the contract for functions. */
import { isNewer } from "../../../src/core/json.ts";
import type { Finish, Order } from "../../../src/library/program/protocol.ts";
import type { Commit } from "../../world/server.ts";
import type { World } from "../../world/world.ts";
import type { LibraryProcess, Run, Witness } from "./process.ts";

/** W: the thread that guards, and what the loop may be late. */
const latenessMs = 250;

export interface Counts {
  terms: number;
  overlapsExcused: number;
  overruns: number;
  readonly finishes: Record<string, number>;
  readonly tempers: Record<string, number>;
}

export class Checkers implements Witness {
  readonly violations: string[] = [];
  readonly counts: Counts = {
    terms: 0,
    overlapsExcused: 0,
    overruns: 0,
    finishes: {},
    tempers: {},
  };
  lastStartMs = 0;
  readonly #world: World;
  readonly #running = new Set<Run>();
  /** When our writes were sent, by process and id, and which of them were committed. */
  readonly #sentAt = new Map<string, Map<string, number>>();
  readonly #committed = new Map<string, Set<number>>();
  #token = "0";

  constructor(world: World) {
    this.#world = world;
  }

  sent({ id, machine }: LibraryProcess, order: Extract<Order, { type: "request" }>): void {
    if (order.method === "GET") return;
    const sent = this.#sentAt.get(id) ?? new Map<string, number>();
    this.#sentAt.set(id, sent.set(order.id, machine.now().instant));
  }

  committed({ by, id, after }: Commit): void {
    const sentAt = this.#sentAt.get(by)?.get(id);
    if (sentAt === undefined) return;
    const known = this.#committed.get(by) ?? new Set<number>();
    this.#committed.set(by, known.add(sentAt));
    const own = [...this.#running].find(({ process }) => process.id === by);
    if (after?.holder === "" && own !== undefined) {
      this.#violated("S5", `${by} released while its function ran`);
    }
  }

  started(run: Run): void {
    const { process, token, until } = run;
    this.counts.terms += 1;
    this.counts.tempers[run.temper] = (this.counts.tempers[run.temper] ?? 0) + 1;
    this.lastStartMs = this.#world.nowMs;
    for (const other of this.#running) {
      const { machine, id } = other.process;
      const isSuspended = machine.sleeps || this.#world.nowMs - machine.wokeAtMs <= 2 * latenessMs;
      if (isSuspended) this.counts.overlapsExcused += 1;
      else this.#violated("S1", `${process.id} starts while the function of ${id} runs`);
    }
    this.#running.add(run);
    if (!isNewer(token, this.#token)) this.#violated("S10", `${process.id} got ${token} again`);
    this.#token = token;
    const { stopMs, killMs } = process.settings.timing;
    const now = process.machine.now().instant;
    if (!(now < until.stopAt - 1000)) this.#violated("S2", `${process.id} starts too late`);
    const sentAt = until.killAt - killMs;
    const isProven = [...(this.#committed.get(process.id) ?? [])].some(
      (at) => Math.abs(at - sentAt) < 1e-3,
    );
    if (!isProven) this.#violated("S2", `${process.id} starts on a write that nobody applied`);
    if (Math.abs(until.stopAt - sentAt - stopMs) > 1e-3) this.#violated("S2", "G is not G");
  }

  aborted(run: Run): void {
    if (!this.#running.has(run)) this.#violated("abort", `${run.process.id} aborts what is over`);
  }

  ended(run: Run): void {
    this.#running.delete(run);
    const { process, until, isAborted } = run;
    const { machine, id } = process;
    const now = machine.now().instant;
    const isFresh = this.#world.nowMs - machine.wokeAtMs <= 2 * latenessMs;
    if (process.isOver && now >= until.killAt) this.counts.overruns += 1;
    if (machine.sleeps || isFresh) return;
    if (now > until.killAt + latenessMs * machine.rate) {
      this.#violated("S3", `the function of ${id} outlived H by ${now - until.killAt} ms`);
    }
    const isLate = now > until.stopAt + latenessMs * machine.rate;
    const wasStalled = this.#world.nowMs <= process.stalledUntilMs + latenessMs;
    if (isLate && !isAborted && !wasStalled) {
      this.#violated("G", `the function of ${id} was never aborted`);
    }
  }

  finished({ id }: LibraryProcess, { how }: Finish): void {
    this.counts.finishes[how] = (this.counts.finishes[how] ?? 0) + 1;
    const own = [...this.#running].find(({ process }) => process.id === id);
    if (own !== undefined) this.#violated("S5", `${id} finished while its function ran`);
  }

  #violated(rule: string, text: string): void {
    this.violations.push(`${rule} at ${Math.round(this.#world.nowMs)} ms: ${text}`);
  }
}
