/**
 * A pod whose container waits for a Lease by client-go and then works: the Go original, or the
 * elector of the interop tests, by its options.
 */
import { type ElectorOptions, GoElector } from "./go-elector.ts";
import { Context, type Go, GoProcess, GoMachine, type Way } from "./go-elector-process.ts";
import type { World } from "./world.ts";

/** Who judges: a piece of work begins, and the way to tell of its end. */
export interface Work {
  started(name: string): () => void;
}

export interface GoReplicaOptions extends ElectorOptions {
  /** Milliseconds that its clock counts in a real one. */
  readonly clockRate?: number;
  readonly wallOffsetMs?: number;
  /** Of `rest.Config`; upstream sets none. */
  readonly clientTimeoutMs?: number;
  /** Cancels the election on SIGTERM; without, the process is dead at once, as the original is. */
  readonly handlesSigterm: boolean;
  /** As PID 1 it takes its work along; otherwise the work outlives it. */
  readonly isPid1: boolean;
  /** How soon the container is started again; without, never. */
  readonly restartMs?: number;
}

/** From the end of the work's context to the death of the work, by SIGKILL. */
const killMs = 5;

export class GoReplica {
  readonly options: GoReplicaOptions;
  readonly #world: World;
  readonly #way: Way;
  readonly #work: Work;
  readonly #machine: GoMachine;
  readonly #running = new Set<Job>();
  #process: GoProcess | undefined;
  #root = new Context();
  #isTerminated = false;

  constructor(world: World, way: Way, work: Work, options: GoReplicaOptions) {
    this.#world = world;
    this.#way = way;
    this.#work = work;
    this.#machine = new GoMachine(world, options.clockRate ?? 1, options.wallOffsetMs ?? 0);
    this.options = options;
  }

  boot(): void {
    const { identity, clientTimeoutMs } = this.options;
    const process = new GoProcess(this.#machine, this.#way, identity, clientTimeoutMs);
    this.#process = process;
    this.#root = new Context();
    process.go(this.#live(process, this.#root));
  }

  /** `kill -9` of the process, which reaches a frozen one too. */
  crash(): void {
    if (this.#process === undefined) return;
    this.#die();
    this.#restart();
  }

  /** SIGTERM, after which nobody starts the container again. */
  terminate(): void {
    this.#isTerminated = true;
    this.#machine.receive(() => {
      if (this.options.handlesSigterm) this.#root.cancel();
      else this.#die();
    });
  }

  /** The whole node stands still, its work too; `isCounted` says if its clock goes on meanwhile. */
  freeze(ms: number, isCounted: boolean): void {
    if (this.#machine.isFrozen) return;
    for (const job of this.#running) job.pause();
    this.#machine.freeze(ms, isCounted, () => {
      for (const job of this.#running) job.resume();
    });
  }

  *#live(process: GoProcess, root: Context): Go<void> {
    const elector = new GoElector(process, this.options, (leading) => this.#lead(leading));
    yield* elector.run(root);
    yield* process.sleep(new Context(), 2 * killMs);
    this.#die();
    this.#restart();
  }

  #lead(leading: Context): void {
    const job = new Job(() => this.#work.started(this.options.identity));
    this.#running.add(job);
    leading.onDone(() => this.#machine.after(killMs, () => this.#end(job)));
  }

  #end(job: Job): void {
    this.#running.delete(job);
    job.pause();
  }

  #die(): void {
    this.#process?.die();
    this.#process = undefined;
    if (!this.options.isPid1) return;
    for (const job of this.#running) this.#end(job);
  }

  #restart(): void {
    const { restartMs } = this.options;
    if (restartMs === undefined) return;
    const start = () => {
      if (!this.#isTerminated) this.boot();
    };
    this.#world.after(restartMs, () => this.#machine.receive(start));
  }
}

/** One command, which is not counted while its node stands still. */
class Job {
  readonly #start: () => () => void;
  #stop: (() => void) | undefined;

  constructor(start: () => () => void) {
    this.#start = start;
    this.resume();
  }

  pause(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  resume(): void {
    this.#stop ??= this.#start();
  }
}
