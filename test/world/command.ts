/** The command side of a simulated host: starts the command, kills its tree, and tells what became of it. */
import type { Report } from "../../src/core/protocol.ts";
import { type Ending, someCommand, Tree } from "./tree.ts";
import type { Process, Witness } from "./witness.ts";
import type { World } from "./world.ts";

/** What it needs of its host. */
export interface Around {
  readonly world: World;
  readonly witness: Required<Witness>;
  readonly process: Process;
  /** Happens after so much real time, unless the host is over by then. */
  later(realMs: number, happen: () => void): void;
  /** What another thread or the kernel takes. */
  soonMs(): number;
  report(report: Report): void;
}

export class Command {
  tree: Tree | undefined;
  /** The next start fails. */
  failsToStart = false;
  readonly #around: Around;
  #isKilling = false;
  #readyAtMs = Infinity;
  /** When the host has told how the start went: what comes of it is told after that. */
  #toldAtMs = -Infinity;

  constructor(around: Around) {
    this.#around = around;
  }

  start(token: string): void {
    const { world, witness, process } = this.#around;
    const tellsInMs = this.#around.soonMs();
    this.#toldAtMs = world.nowMs + tellsInMs;
    if (this.failsToStart) {
      this.failsToStart = false;
      this.#tell(tellsInMs, { type: "startFailed", errno: "EAGAIN", message: "no process left" });
      return;
    }
    const tree: Tree = new Tree(world, process.machine, someCommand(world, process.id, token), {
      exited: (ending) => this.#exited(ending),
      emptied: () => this.#emptied(tree),
    });
    this.tree = tree;
    if (process.facts.variables["K8S_AWAIT_ELECTION_READY_PROBE"] !== undefined) {
      this.#readyAtMs = world.chance(0.2) ? Infinity : world.nowMs + world.between(0, 3000);
    }
    witness.started(tree, process);
    this.#tell(tellsInMs, { type: "started", pid: 2 });
    // Some commands end by themselves.
    if (world.chance(0.1)) this.#around.later(world.between(5, 20_000), () => tree.exit());
  }

  /** Some commands are never ready, and none always answers; says so after a while. */
  probe(timeoutMs: number, answer: (ok: boolean, detail: string) => void): void {
    const { world } = this.#around;
    if (world.chance(0.05)) {
      return this.#around.later(timeoutMs, () => answer(false, "timed out"));
    }
    this.#around.later(world.between(0, 50), () => {
      const ok = this.tree !== undefined && world.nowMs >= this.#readyAtMs && world.chance(0.8);
      answer(ok, ok ? "HTTP 200" : "HTTP 503");
    });
  }

  kill(): void {
    this.#isKilling = true;
    if (this.tree === undefined) this.#tellEmptied();
    else this.tree.kill();
  }

  #exited(ending: Ending): void {
    const { world } = this.#around;
    this.#tell(this.#untilToldMs() + world.between(0, 1), { type: "exited", ...ending });
  }

  #emptied(tree: Tree): void {
    this.#around.witness.emptied(tree, this.#around.process);
    this.tree = undefined;
    if (this.#isKilling) this.#tellEmptied();
  }

  #tellEmptied(): void {
    this.#isKilling = false;
    const { world } = this.#around;
    this.#tell(this.#untilToldMs() + world.between(1, 10), { type: "emptied" });
  }

  #untilToldMs(): number {
    return Math.max(0, this.#toldAtMs - this.#around.world.nowMs);
  }

  #tell(realMs: number, report: Report): void {
    this.#around.later(realMs, () => this.#around.report(report));
  }
}
