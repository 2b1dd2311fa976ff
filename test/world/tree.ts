/**
 * A command and all that it started: a main process that heeds signals in its own time or not at all,
 * and daemons that left its process group, which only the kill of the whole tree ends.
 */
import type { Machine } from "./machine.ts";
import type { World } from "./world.ts";

/** What the kernel is allowed at most (A4): κ. */
export const deathMs = 250;

export interface TreeOptions {
  /** The replica and process whose command it is. */
  readonly owner: string;
  /** Absent for a client-go elector's work. */
  readonly token?: string;
  /** Ignores SIGTERM. */
  readonly isDeaf: boolean;
  readonly hasDaemons: boolean;
  /** It takes this long to stop after SIGTERM. */
  readonly stopMs: number;
  readonly code: number;
}

/** Commands heed a signal in their own time or not at all, and some leave daemons behind. */
export function someCommand(world: World, owner: string, token: string): TreeOptions {
  return {
    owner,
    token,
    isDeaf: world.chance(0.2),
    hasDaemons: world.chance(0.3),
    stopMs: world.between(1, 3000),
    code: world.chance(0.5) ? 0 : 3,
  };
}

export type Ending = { readonly code: number } | { readonly signal: string };

export class Tree {
  readonly options: TreeOptions;
  killedAtMs: number | undefined;
  readonly #world: World;
  readonly #machine: Machine;
  readonly #exited: (ending: Ending) => void;
  readonly #emptied: () => void;
  #hasMain = true;
  #hasDaemons: boolean;
  #stuckUntilMs = -Infinity;

  constructor(
    world: World,
    machine: Machine,
    options: TreeOptions,
    tell: { readonly exited: (ending: Ending) => void; readonly emptied: () => void },
  ) {
    this.#world = world;
    this.#machine = machine;
    this.options = options;
    this.#exited = tell.exited;
    this.#emptied = tell.emptied;
    this.#hasDaemons = options.hasDaemons;
  }

  get isEmpty(): boolean {
    return !this.#hasMain && !this.#hasDaemons;
  }

  /** In uninterruptible sleep until then: SIGKILL waits too (A4 leaves such a process out). */
  get stuckUntilMs(): number {
    return this.#stuckUntilMs;
  }

  /** A second sleep does not end the first; whoever was sent SIGKILL before falls into none. */
  stick(untilMs: number): void {
    if (this.killedAtMs !== undefined) return;
    this.#stuckUntilMs = Math.max(this.#stuckUntilMs, untilMs);
  }

  signal(name: string): void {
    if (this.options.isDeaf || !["SIGTERM", "SIGINT", "SIGQUIT"].includes(name)) return;
    this.#machine.after(this.options.stopMs, () => this.exit());
  }

  /** The main process ends by itself; its daemons stay. */
  exit(): void {
    this.#endMain({ code: this.options.code });
  }

  /** SIGKILL to every process of it. */
  kill(): void {
    this.killedAtMs ??= this.#world.nowMs;
    const stuckMs = Math.max(0, this.stuckUntilMs - this.#world.nowMs);
    this.#machine.after(stuckMs + this.#world.between(0, deathMs), () => this.end());
  }

  /** All of it is gone at this moment. */
  end(): void {
    if (this.isEmpty) return;
    this.#hasDaemons = false;
    if (this.#hasMain) this.#endMain({ signal: "SIGKILL" });
    else this.#emptied();
  }

  #endMain(ending: Ending): void {
    if (!this.#hasMain) return;
    this.#hasMain = false;
    this.#exited(ending);
    if (this.isEmpty) this.#emptied();
  }
}
