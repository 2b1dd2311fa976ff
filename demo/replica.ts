/**
 * One replica: a pod with one container, whose processes are the entry point and the command.
 *
 * What the kubelet and the kernel do for a container is done here: one that ends is started again,
 * and with its first process everything else in it ends too.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { isRunning, podVariable, processesOf, signalAll } from "./processes.ts";
import type { Proxy } from "../test/support/proxy.ts";

export interface ReplicaOptions {
  readonly name: string;
  /** The entry point and the command, word by word. */
  readonly words: readonly string[];
  /** Everything but the mark of the pod. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly run: string;
  readonly logFile: string;
  /** Its way to the API server. */
  readonly proxy: Proxy;
  /** It cannot be started at all. */
  readonly onBroken: (error: Error) => void;
}

type Phase = Up | Down | Removed;

interface Up {
  readonly name: "up";
  readonly child: ChildProcess;
  /** What the API server had answered to earlier starts. */
  readonly answeredBytes: number;
  readonly condition: "running" | "stopping" | "frozen";
}

interface Down {
  readonly name: "down";
  readonly restart: NodeJS.Timeout;
}

interface Removed {
  readonly name: "removed";
}

/** How long a container stays down, as for the kubelet's first restart. */
const restartMs = 1000;

/** A thawed entry point that heeds the clock has killed its command long before, on any machine. */
const thawLimitMs = 1000;

export class Replica {
  readonly name: string;
  readonly proxy: Proxy;
  readonly #options: ReplicaOptions;
  readonly #pod: string;
  #phase: Phase;

  constructor(options: ReplicaOptions) {
    this.name = options.name;
    this.proxy = options.proxy;
    this.#options = options;
    this.#pod = `${options.run}/${options.name}`;
    this.#phase = this.#start();
  }

  /** What its container does, whoever leads. */
  get condition(): Up["condition"] | "down" {
    return this.#phase.name === "up" ? this.#phase.condition : "down";
  }

  /** The API server has answered it since its last start. */
  get isConnected(): boolean {
    const phase = this.#phase;
    return phase.name === "up" && this.proxy.answeredBytes > phase.answeredBytes;
  }

  /** As the kubelet stops a container: SIGTERM for its first process. */
  stop(): void {
    if (this.#phase.name !== "up" || this.#phase.condition !== "running") return;
    this.#phase = { ...this.#phase, condition: "stopping" };
    signalAll(this.#entryPoint(), "SIGTERM");
  }

  /** The entry point and the command at one stroke, as when a machine loses its power. */
  kill(): void {
    signalAll([...this.#entryPoint(), ...this.#processes()], "SIGKILL");
  }

  /** Everything in the pod stands still, as in a machine that is paused. */
  freeze(): void {
    if (this.#phase.name !== "up") return;
    this.#phase = { ...this.#phase, condition: "frozen" };
    signalAll(this.#processes(), "SIGSTOP");
  }

  /**
   * The entry point first, in the order in which the kernel thaws a container, but with a moment of
   * head start: who wins by microseconds is chance, and chance makes no story.
   */
  async thaw(): Promise<void> {
    if (this.#phase.name !== "up" || this.#phase.condition !== "frozen") return;
    this.#phase = { ...this.#phase, condition: "running" };
    const [first] = this.#entryPoint();
    const others = this.#processes().filter((pid) => pid !== first);
    signalAll(this.#entryPoint(), "SIGCONT");
    const endMs = performance.now() + thawLimitMs;
    while (others.some(isRunning) && performance.now() < endMs) await pause(1);
    signalAll(others, "SIGCONT");
  }

  /** As a scaled-down Deployment does: it is stopped, and not started again. */
  remove(): void {
    if (this.#phase.name === "down") {
      clearTimeout(this.#phase.restart);
      this.proxy.close();
    }
    signalAll(this.#entryPoint(), "SIGTERM");
    // A frozen one heeds no signal but this.
    signalAll(this.#processes(), "SIGCONT");
    this.#phase = { name: "removed" };
  }

  #start(): Up {
    const { words, environment, logFile } = this.#options;
    const [file = "", ...rest] = words;
    const log = openSync(logFile, "a");
    // In a session of its own, so that a Ctrl-C at the terminal is the demo's alone.
    const child = spawn(file, rest, {
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...environment, [podVariable]: this.#pod },
    });
    closeSync(log);
    child.once("exit", () => this.#ended());
    child.once("error", (cause) => {
      this.proxy.close();
      this.#options.onBroken(new Error(`Cannot run ${file}: ${cause.message}`, { cause }));
    });
    const { answeredBytes } = this.proxy;
    return { name: "up", child, answeredBytes, condition: "running" };
  }

  #ended(): void {
    // A container's other processes end with its first one: the kernel sees to that.
    signalAll(this.#processes(), "SIGKILL");
    if (this.#phase.name === "removed") return this.proxy.close();
    const restart = setTimeout(() => {
      this.#phase = this.#start();
    }, restartMs);
    this.#phase = { name: "down", restart };
  }

  #entryPoint(): readonly number[] {
    const { child } = this.#phase.name === "up" ? this.#phase : {};
    return child?.pid === undefined ? [] : [child.pid];
  }

  #processes(): readonly number[] {
    return processesOf(this.#pod);
  }
}
