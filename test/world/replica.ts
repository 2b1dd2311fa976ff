/**
 * A simulated host around a whole program: one pod, whose container is started again when it ends.
 *
 * Its clock counts on its own rate. A process is one life of the container; what was planned for an
 * earlier life never reaches a later one. As PID 1, the process takes the command's tree with it.
 */
import { begin, type Program, step, wakeAt } from "../../src/core/program.ts";
import { type Facts, instant, type Now, type Order, type Report } from "../../src/core/protocol.ts";
import type { Trees } from "./checkers.ts";
import type { Link } from "./network.ts";
import type { World } from "./world.ts";

export interface ReplicaOptions {
  readonly name: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Milliseconds that its clock counts in a real one: within 1 + ρ of every other's. */
  readonly clockRate: number;
  readonly clockOffsetMs: number;
  readonly wallOffsetMs: number;
}

/** What the kernel and the watchdog are allowed at most (A4): W and κ. */
const watchdogLatenessMs = 250;
const deathMs = 250;

export class Replica {
  readonly link: Link;
  readonly options: ReplicaOptions;
  readonly #world: World;
  readonly #trees: Trees;
  #life: Life | undefined;
  #lives = 0;

  constructor(world: World, link: Link, trees: Trees, options: ReplicaOptions) {
    this.#world = world;
    this.link = link;
    this.#trees = trees;
    this.options = options;
  }

  boot(): void {
    this.#lives += 1;
    const life = new Life(this.#world, this.link, this.#trees, this.options, this.#lives, () =>
      this.#world.after(this.#world.between(200, 2000), () => this.boot()),
    );
    this.#life = life;
    life.begin();
  }

  /** `kill -9` of PID 1: everything in its namespace is dead at once. */
  crash(): void {
    this.#life?.end();
  }

  /** The loop takes no report for so long; the watchdog does not depend on it. */
  stall(ms: number): void {
    this.#life?.stall(ms);
  }

  signal(signal: string): void {
    this.#life?.report({ type: "signalled", signal });
  }
}

class Life {
  readonly #world: World;
  readonly #link: Link;
  readonly #trees: Trees;
  readonly #options: ReplicaOptions;
  readonly #number: number;
  readonly #ended: () => void;
  readonly #closings = new Map<string, () => void>();
  readonly #waiting: Report[] = [];
  #program: Program | undefined;
  #isOver = false;
  #isStalled = false;
  #isBusy = false;
  #alarm = 0;
  #guard = 0;
  #tree: symbol | undefined;

  constructor(
    world: World,
    link: Link,
    trees: Trees,
    options: ReplicaOptions,
    number: number,
    ended: () => void,
  ) {
    this.#world = world;
    this.#link = link;
    this.#trees = trees;
    this.#options = options;
    this.#number = number;
    this.#ended = ended;
  }

  begin(): void {
    const { name, variables } = this.#options;
    const facts: Facts = {
      seed: this.#world.seed32(),
      incarnation: `${name}-${this.#number}`,
      variables: { ...variables, K8S_AWAIT_ELECTION_IDENTITY: name },
      hasCommand: true,
      podUid: `pod-${name}`,
      podName: name,
      hostName: name,
      isPid1: true,
      abilities: { treeDiesWithHost: true, reapsOrphans: true, soleHolder: true },
    };
    this.#follow(begin(facts, this.#now()));
  }

  report(report: Report): void {
    if (this.#isOver) return;
    this.#waiting.push(report);
    this.#work();
  }

  stall(ms: number): void {
    this.#isStalled = true;
    this.#later(ms, () => {
      this.#isStalled = false;
      this.#work();
    });
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const close of this.#closings.values()) close();
    if (this.#tree !== undefined) this.#trees.died(this.#tree);
    this.#ended();
  }

  #work(): void {
    if (this.#isBusy || this.#isStalled) return;
    this.#isBusy = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#program === undefined || this.#isOver) break;
      this.#follow(step(this.#program, next, this.#now()));
    }
    this.#isBusy = false;
  }

  #follow([program, ...orders]: readonly [Program, ...Order[]]): void {
    this.#program = program;
    for (const order of orders) this.#carryOut(order);
    const at = wakeAt(program);
    this.#alarm += 1;
    if (at !== undefined && !this.#isOver) this.#tickAt(at, this.#alarm);
  }

  #tickAt(at: number, alarm: number): void {
    // A thousandth more, so that rounding never wakes the program before its deadline.
    this.#later(this.#realMs(at - this.#now().instant) + 0.001, () => {
      if (alarm === this.#alarm) this.report({ type: "tick" });
    });
  }

  #carryOut(order: Order): void {
    switch (order.type) {
      case "request":
        return this.#request(order);
      case "watch":
        this.#closings.set(
          order.id,
          this.#link.watch(order, (report) => this.#tell(order.id, report)),
        );
        return;
      case "abandon":
        this.#closings.get(order.id)?.();
        this.#closings.delete(order.id);
        return;
      case "guard":
        return this.#arm(order.at);
      case "start":
        return this.#start(order.addEnv["K8S_AWAIT_ELECTION_FENCING_TOKEN"] ?? "");
      case "signal":
        return this.#stopByItself();
      case "kill":
        return this.#kill();
      case "exit":
        if (this.#tree !== undefined)
          this.#trees.violated("S5", `${this.#options.name} leaves its tree`);
        return this.end();
      default:
        return;
    }
  }

  #request(order: Extract<Order, { type: "request" }>): void {
    this.#closings.set(order.id, () => {});
    this.#link.request(order, (report) => this.#tellOnce(order.id, report));
    this.#later(this.#realMs(order.timeoutMs), () =>
      this.#tellOnce(order.id, { type: "unanswered", id: order.id, error: "timed out" }),
    );
  }

  #tellOnce(id: string, report: Report): void {
    if (!this.#closings.has(id)) return;
    this.#closings.delete(id);
    this.report(report);
  }

  #tell(id: string, report: Report): void {
    if (this.#closings.has(id)) this.report(report);
  }

  /** The watchdog: late by at most W, and its kill takes at most κ. */
  #arm(at: number | undefined): void {
    this.#guard += 1;
    const guard = this.#guard;
    if (at === undefined) return;
    this.#later(this.#world.between(0, 2), () =>
      this.report({ type: "guardReady", at: instant(at) }),
    );
    const leftMs = this.#realMs(at - this.#now().instant);
    this.#later(leftMs + this.#world.between(0, watchdogLatenessMs), () => {
      if (guard !== this.#guard) return;
      this.#endTree("SIGKILL", this.#world.between(0, deathMs));
      this.report({ type: "guardFired" });
    });
  }

  #start(token: string): void {
    const tree = this.#trees.started(this.#options.name, token);
    this.#tree = tree;
    this.report({ type: "started", pid: 2 });
    // Some commands end by themselves.
    if (this.#world.chance(0.1)) {
      this.#later(this.#world.between(10, 20_000), () => this.#endTree(0, 0, tree));
    }
  }

  /** Commands heed a signal in their own time, or not at all. */
  #stopByItself(): void {
    if (this.#world.chance(0.2)) return;
    this.#endTree(0, this.#world.between(1, 3000), this.#tree);
  }

  #kill(): void {
    this.#endTree("SIGKILL", this.#world.between(0, deathMs));
    this.#later(deathMs, () => this.report({ type: "emptied" }));
  }

  #endTree(end: number | "SIGKILL", delayMs: number, tree = this.#tree): void {
    this.#later(delayMs, () => {
      if (tree === undefined || this.#tree !== tree) return;
      this.#tree = undefined;
      this.#trees.died(tree);
      this.report(
        end === "SIGKILL" ? { type: "exited", signal: end } : { type: "exited", code: end },
      );
    });
  }

  #later(realMs: number, happen: () => void): void {
    this.#world.after(realMs, () => {
      if (!this.#isOver) happen();
    });
  }

  #now(): Now {
    const { clockRate, clockOffsetMs, wallOffsetMs } = this.#options;
    return {
      instant: instant(clockOffsetMs + clockRate * this.#world.nowMs),
      wallMs: Date.UTC(2026, 0, 1) + wallOffsetMs + this.#world.nowMs,
    };
  }

  #realMs(clockMs: number): number {
    return clockMs / this.#options.clockRate;
  }
}
