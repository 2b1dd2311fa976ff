/**
 * A simulated process that campaigns: the library's program, the loop that runs it, the thread that
 * guards its deadline, and functions of every temper.
 */
import type { ElectionSettings } from "../../../src/core/election.ts";
import type { Instant } from "../../../src/core/protocol.ts";
import { patienceMs } from "../../../src/library/guard.ts";
import * as programs from "../../../src/library/program/campaigning.ts";
import type { Finish, Order, Report, Until } from "../../../src/library/program/protocol.ts";
import type { Machine } from "../../world/machine.ts";
import type { Link } from "../../world/network.ts";
import type { World } from "../../world/world.ts";

/** How a function behaves; drawn anew for every term. */
export const tempers = [
  "obeys",
  "obeys",
  "stops late",
  "hangs",
  "throws",
  "returns",
  "resigns",
  "blocks",
] as const;

export type Temper = (typeof tempers)[number];

/** What the checkers are told, as it truly was. */
export interface Witness {
  sent(process: LibraryProcess, order: Extract<Order, { type: "request" }>): void;
  started(run: Run): void;
  aborted(run: Run): void;
  ended(run: Run): void;
  finished(process: LibraryProcess, finish: Finish): void;
}

export interface Run {
  readonly process: LibraryProcess;
  readonly token: string;
  readonly temper: Temper;
  readonly startedAt: Instant;
  until: Until;
  isAborted: boolean;
  isOver: boolean;
}

export interface Surroundings {
  readonly world: World;
  readonly machine: Machine;
  readonly link: Link;
  readonly witness: Witness;
}

export class LibraryProcess {
  readonly id: string;
  readonly settings: ElectionSettings;
  readonly machine: Machine;
  run: Run | undefined;
  isOver = false;
  /** In real time: until then its loop took no reports. */
  stalledUntilMs: number = -Infinity;
  readonly #around: Surroundings;
  readonly #died: () => void;
  readonly #closings = new Map<string, () => void>();
  readonly #inbox: Report[] = [];
  #state: programs.Campaigning | undefined;
  #campaigns = false;
  #alarm = 0;
  #stalls = 0;
  #isBusy = false;

  constructor(around: Surroundings, settings: ElectionSettings, died: () => void) {
    this.#around = around;
    this.#died = died;
    this.settings = settings;
    this.id = settings.self.mark.incarnation;
    this.machine = around.machine;
  }

  get phase(): string {
    return this.#state?.election.phase.name ?? "";
  }

  /** Begins to campaign, unless it does. */
  join(): void {
    if (this.#campaigns || this.isOver) return;
    this.#campaigns = true;
    this.report({ type: "join", rejoin: this.#around.world.chance(0.5) });
  }

  leave(): void {
    if (this.#campaigns) this.report({ type: "leave" });
  }

  observe(isWanted: boolean): void {
    this.report({ type: "observe", isWanted });
  }

  /** The loop takes no report for so long. */
  stall(ms: number): void {
    this.#stalls += 1;
    this.stalledUntilMs = Math.max(this.stalledUntilMs, this.#around.world.nowMs + ms);
    this.#later(ms, () => {
      this.#stalls -= 1;
      this.report({ type: "tick" });
    });
  }

  /** It is gone, and its function with it. */
  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const close of this.#closings.values()) close();
    if (this.run !== undefined) this.#endRun(this.run);
    this.#died();
  }

  report(report: Report): void {
    if (this.isOver) return;
    this.#inbox.push(report);
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (this.#stalls === 0 && !this.isOver) {
      const next = this.#inbox.shift();
      if (next === undefined) break;
      this.#take(next);
    }
    this.#isBusy = false;
  }

  #take(report: Report): void {
    const now = this.machine.now();
    const { world } = this.#around;
    if (this.#state === undefined && report.type !== "join" && report.type !== "observe") return;
    const [state, ...effects] =
      this.#state === undefined && (report.type === "join" || report.type === "observe")
        ? programs.begin(this.settings, world.seed32(), report, now)
        : programs.step(this.#state!, report, now);
    this.#state = state;
    for (const effect of effects) if (effect.type !== "note") this.#carryOut(effect);
    const at = programs.wakeAt(state);
    this.#alarm += 1;
    const alarm = this.#alarm;
    if (at === undefined) return;
    this.#laterOwn(at - this.machine.now().instant, () => {
      if (alarm === this.#alarm && this.#stalls === 0) this.report({ type: "tick" });
    });
  }

  #carryOut(order: Order): void {
    const { link, witness } = this.#around;
    switch (order.type) {
      case "request":
        witness.sent(this, order);
        this.#closings.set(order.id, () => {});
        link.request(order, (report) => this.#tell(order.id, report as Report), this.id);
        return this.#limit(order);
      case "watch": {
        let isOpening = true;
        const close = link.watch(order, (report) => {
          isOpening = false;
          this.#tell(order.id, report as Report);
        });
        this.#closings.set(order.id, close);
        return this.#limit(order, () => isOpening);
      }
      case "abandon":
        this.#closings.get(order.id)?.();
        this.#closings.delete(order.id);
        return;
      case "run":
        return this.#start(order.term.token, order.until);
      case "prolong":
        if (this.run !== undefined) this.run.until = order.until;
        return;
      case "abort":
        return this.#abort();
      case "overrun":
        return this.end();
      case "finish":
        this.#campaigns = false;
        return witness.finished(this, order.finish);
    }
  }

  #limit({ id, timeoutMs }: { id: string; timeoutMs: number }, isDue = () => true): void {
    this.#laterOwn(timeoutMs, () => {
      if (isDue()) this.#tell(id, { type: "unanswered", id, error: "timed out" });
    });
  }

  #tell(id: string, report: Report): void {
    this.machine.after(0, () => {
      if (!this.#closings.has(id)) return;
      if (report.type !== "opened" && report.type !== "line") {
        this.#closings.get(id)?.();
        this.#closings.delete(id);
      }
      this.report(report);
    });
  }

  #start(token: string, until: Until): void {
    const { world, witness } = this.#around;
    const startedAt = this.machine.now().instant;
    const temper = world.pick(tempers);
    const run: Run = {
      process: this,
      token,
      temper,
      startedAt,
      until,
      isAborted: false,
      isOver: false,
    };
    this.run = run;
    witness.started(run);
    this.#guard(run);
    const lateMs = world.between(0, 20_000);
    if (temper === "throws" || temper === "returns") this.#settleIn(run, lateMs);
    if (temper === "resigns") this.#later(lateMs, () => this.report({ type: "resign" }));
    if (temper === "blocks") this.#later(lateMs, () => this.stall(world.between(0, 8000)));
  }

  #abort(): void {
    const { run } = this;
    const { world, witness } = this.#around;
    if (run === undefined) return;
    run.isAborted = true;
    witness.aborted(run);
    if (run.temper === "hangs") return;
    this.#settleIn(
      run,
      run.temper === "stops late" ? world.between(0, 15_000) : world.between(0, 300),
    );
  }

  /** A loop that is blocked runs no function either. */
  #settleIn(run: Run, ms: number): void {
    this.#later(ms, () => {
      if (run.isOver) return;
      if (this.#stalls > 0) return this.#settleIn(run, 50);
      this.#endRun(run);
      this.report({ type: "settled", isFailed: run.temper === "throws" });
    });
  }

  #endRun(run: Run): void {
    run.isOver = true;
    this.run = undefined;
    this.#around.witness.ended(run);
  }

  /** The thread: it looks at its clock every 20 ms when the deadline is near. */
  #guard(run: Run): void {
    const { killAt } = run.until;
    const leftMs = killAt + patienceMs - this.machine.now().instant;
    this.#laterOwn(Math.max(leftMs, 0), () => {
      this.#later(this.#around.world.between(0, 50), () => {
        if (run.isOver) return;
        if (run.until.killAt > killAt) return this.#guard(run);
        this.end();
      });
    });
  }

  #later(ms: number, happen: () => void): void {
    this.machine.after(ms, () => {
      if (!this.isOver) happen();
    });
  }

  #laterOwn(clockMs: number, happen: () => void): void {
    this.machine.afterOwn(clockMs, () => {
      if (!this.isOver) happen();
    });
  }
}
