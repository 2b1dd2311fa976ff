/**
 * A simulated host around a whole program: one life of a container.
 *
 * What was planned for it never happens once it is over. As PID 1, or by pdeathsig, it takes the
 * command's tree with it.
 */
import { type Program, wakeAt } from "../../src/core/program.ts";
import type { Facts, Instant, Order, Report } from "../../src/core/protocol.ts";
import type { Steps } from "../../src/core/recording.ts";
import type { Timing } from "../../src/core/timing.ts";
import { Command } from "./command.ts";
import type { Machine } from "./machine.ts";
import type { Link } from "./network.ts";
import type { Tree } from "./tree.ts";
import type { Process, Witness } from "./witness.ts";
import type { World } from "./world.ts";

/** What a runnable watchdog is allowed at most (A4): W. */
export const watchdogLatenessMs = 250;

export interface Surroundings {
  readonly world: World;
  readonly machine: Machine;
  readonly link: Link;
  readonly witness: Required<Witness>;
  readonly timing: Timing;
  /** The program as a process of this id runs it. */
  readonly stepsOf: (id: string) => Steps;
}

export class LiveProcess implements Process {
  readonly id: string;
  readonly facts: Facts;
  readonly identity: string;
  readonly timing: Timing;
  readonly machine: Machine;
  readonly startedAtMs: number;
  program: Program | undefined;
  resumedAtMs: number = -Infinity;
  readonly command: Command;
  /** Until then the watchdog and the kernel take as long as they may (A4). */
  isSlowUntilMs: number = -Infinity;
  readonly #world: World;
  readonly #link: Link;
  readonly #witness: Required<Witness>;
  readonly #steps: Steps;
  readonly #over: () => void;
  readonly #closings = new Map<string, () => void>();
  readonly #waiting: Report[] = [];
  #isOver = false;
  #stalls = 0;
  #isBusy = false;
  #alarm = 0;
  #guard = 0;
  #guardWorks = true;

  constructor(around: Surroundings, facts: Facts, id: string, over: () => void) {
    const { world, machine, link, witness, timing, stepsOf } = around;
    this.#world = world;
    this.#link = link;
    this.#witness = witness;
    this.#steps = stepsOf(id);
    this.#over = over;
    this.machine = machine;
    this.timing = timing;
    this.facts = facts;
    this.id = id;
    this.identity = facts.variables["K8S_AWAIT_ELECTION_IDENTITY"] ?? "";
    this.startedAtMs = world.nowMs;
    this.command = new Command({
      world,
      witness,
      process: this,
      later: (realMs, happen) => this.#later(realMs, happen),
      soonMs: () => this.#soonMs(),
      report: (report) => this.report(report),
    });
  }

  get tree(): Tree | undefined {
    return this.command.tree;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isStalled(): boolean {
    return this.#stalls > 0;
  }

  outageMs(agoMs: number): number {
    return this.#link.outageMs(agoMs);
  }

  begin(): void {
    this.#follow(undefined, () => this.#steps.begin(this.facts, this.machine.now()));
  }

  report(report: Report): void {
    if (this.#isOver) return;
    this.#waiting.push(report);
    this.#work();
  }

  /** The loop takes no report for so long; the watchdog does not depend on it, and works (A4). */
  stall(realMs: number): void {
    if (!this.#guardWorks) return;
    this.#stalls += 1;
    this.#later(realMs, () => {
      this.#stalls -= 1;
      this.resumedAtMs = this.#world.nowMs;
      this.#work();
      if (this.#stalls === 0) this.report({ type: "tick" });
    });
  }

  /** The watchdog is gone, and the loop is told so. */
  loseGuard(): void {
    if (this.isStalled) return;
    this.#guardWorks = false;
    this.#later(this.#world.between(0, 100), () =>
      this.report({ type: "guardLost", message: "the watchdog ended" }),
    );
  }

  /** It is gone, and its tree with it: ordered, or `kill -9`. */
  end(isByOrder: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const close of this.#closings.values()) close();
    this.#witness.ended(this, isByOrder);
    this.tree?.end();
    this.#over();
  }

  #work(): void {
    if (this.#isBusy || this.#stalls > 0) return;
    this.#isBusy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { program } = this;
      if (program === undefined || this.#isOver) break;
      const report = next;
      this.#follow(report, () => this.#steps.step(program, report, this.machine.now()));
      if (this.#stalls > 0) break;
    }
    this.#isBusy = false;
  }

  #follow(report: Report | undefined, move: () => [Program, ...Order[]]): void {
    const before = this.program;
    const now = this.machine.now();
    const [program, ...orders] = move();
    this.program = program;
    this.#witness.stepped({ process: this, report, orders, now, before });
    for (const order of orders) this.#carryOut(order);
    const at = wakeAt(program);
    this.#alarm += 1;
    if (at !== undefined && !this.#isOver) this.#tickAt(at, this.#alarm);
  }

  #tickAt(at: Instant, alarm: number): void {
    this.#laterOwn(at - this.machine.now().instant, () => {
      // A loop that is stalled looks at the clock once it has taken what waits.
      if (alarm === this.#alarm && this.#stalls === 0) this.report({ type: "tick" });
    });
  }

  #carryOut(order: Order): void {
    switch (order.type) {
      case "request":
        return this.#request(order);
      case "watch":
        return this.#watch(order);
      case "abandon":
        return this.#abandon(order.id);
      case "guard":
        return this.#arm(order.at);
      case "start":
        return this.command.start(order.addEnv["K8S_AWAIT_ELECTION_FENCING_TOKEN"] ?? "");
      case "signal":
        return this.tree?.signal(order.signal);
      case "kill":
        return this.command.kill();
      case "probe":
        return this.#probe(order);
      case "exit":
        return this.end(true);
      default:
        return;
    }
  }

  #request(order: Extract<Order, { type: "request" }>): void {
    const { id, timeoutMs } = order;
    this.#closings.set(id, () => {});
    this.#link.request(order, (report) => this.#tellOnce(id, report), this.id);
    this.#laterOwn(timeoutMs, () =>
      this.#tellOnce(id, { type: "unanswered", id, error: "timed out" }),
    );
  }

  #probe({ id, timeoutMs }: Extract<Order, { type: "probe" }>): void {
    this.#closings.set(id, () => {});
    this.command.probe(timeoutMs, (ok, detail) =>
      this.#tellOnce(id, { type: "probed", id, ok, detail }),
    );
  }

  #watch(order: Extract<Order, { type: "watch" }>): void {
    const { id, timeoutMs } = order;
    let isOpening = true;
    const close = this.#link.watch(order, (report) => {
      isOpening = false;
      const isEnd = report.type !== "opened" && report.type !== "line";
      if (isEnd) this.#tellOnce(id, report);
      else this.#tell(id, report);
    });
    this.#closings.set(id, close);
    this.#laterOwn(timeoutMs, () => {
      if (isOpening) this.#tellOnce(id, { type: "unanswered", id, error: "timed out" });
    });
  }

  /** Nothing more is reported about it, not even what waits to be. */
  #abandon(id: string): void {
    this.#closings.get(id)?.();
    this.#closings.delete(id);
    const kept = this.#waiting.filter((report) => !("id" in report) || report.id !== id);
    this.#waiting.splice(0, this.#waiting.length, ...kept);
  }

  #tellOnce(id: string, report: Report): void {
    this.machine.after(0, () => {
      const close = this.#closings.get(id);
      if (close === undefined) return;
      this.#closings.delete(id);
      close();
      this.report(report);
    });
  }

  #tell(id: string, report: Report): void {
    this.machine.after(0, () => {
      if (this.#closings.has(id)) this.report(report);
    });
  }

  /** The watchdog: late by at most W. */
  #arm(at: Instant | undefined): void {
    this.#guard += 1;
    const guard = this.#guard;
    if (at === undefined || !this.#guardWorks) return;
    this.#later(this.#soonMs(), () => this.report({ type: "guardReady", at }));
    this.#laterOwn(at - this.machine.now().instant, () =>
      this.#later(this.#world.between(0, watchdogLatenessMs), () => {
        if (guard !== this.#guard || !this.#guardWorks) return;
        this.tree?.kill();
        this.report({ type: "guardFired" });
      }),
    );
  }

  /** What another thread or the kernel takes, which is seldom long. */
  #soonMs(): number {
    if (this.#world.nowMs < this.isSlowUntilMs) return this.#world.between(50, watchdogLatenessMs);
    return this.#world.chance(0.02) ? this.#world.between(2, 200) : this.#world.between(0, 2);
  }

  #later(realMs: number, happen: () => void): void {
    this.machine.after(realMs, () => {
      if (!this.#isOver) happen();
    });
  }

  #laterOwn(clockMs: number, happen: () => void): void {
    this.machine.afterOwn(clockMs, () => {
      if (!this.#isOver) happen();
    });
  }
}
