/** One pod of a workload: its container is started again when it ends, and the pod may be replaced. */
import type { Facts } from "../../src/core/protocol.ts";
import type { Steps } from "../../src/core/recording.ts";
import type { Timing } from "../../src/core/timing.ts";
import type { Machine } from "./machine.ts";
import type { Link } from "./network.ts";
import { LiveProcess } from "./process.ts";
import { podIp } from "./routes.ts";
import type { Witness } from "./witness.ts";
import type { World } from "./world.ts";

export interface ReplicaOptions {
  readonly name: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly timing: Timing;
  /** The container's process is PID 1 and holds the pod's start lock: what L8 asks for. */
  readonly isPid1: boolean;
  readonly stepsOf: (id: string) => Steps;
  /** How many pods of this name there were before it, on other nodes. */
  readonly generation?: number;
}

export class Replica {
  readonly options: ReplicaOptions;
  readonly machine: Machine;
  readonly link: Link;
  readonly #world: World;
  readonly #witness: Required<Witness>;
  #process: LiveProcess | undefined;
  #starts = 0;
  #pods = 0;
  /** Nothing starts its container again: the pod is deleted. */
  #isGone = false;

  constructor(
    world: World,
    machine: Machine,
    link: Link,
    witness: Required<Witness>,
    options: ReplicaOptions,
  ) {
    this.#world = world;
    this.machine = machine;
    this.link = link;
    this.#witness = witness;
    this.options = options;
  }

  get process(): LiveProcess | undefined {
    return this.#process?.isOver === true ? undefined : this.#process;
  }

  get phase(): string {
    const program = this.process?.program;
    return program?.name === "running" ? program.election.phase.name : "";
  }

  get isLeading(): boolean {
    return this.phase === "leading";
  }

  boot(): void {
    if (this.#isGone) return;
    const { name, timing, stepsOf, generation = 0 } = this.options;
    this.#starts += 1;
    const around = {
      world: this.#world,
      machine: this.machine,
      link: this.link,
      witness: this.#witness,
      timing,
      stepsOf,
    };
    const id = `${name}.${generation}.${this.#pods}-${this.#starts}`;
    const restart = () => this.machine.after(this.#world.between(100, 2000), () => this.boot());
    this.#process = new LiveProcess(around, this.#facts(id), id, restart);
    this.#process.begin();
  }

  terminate(): void {
    const { process } = this;
    this.machine.after(0, () => process?.report({ type: "signalled", signal: "SIGTERM" }));
  }

  /** Asked to stop, and not started again. */
  retire(): void {
    this.#isGone = true;
    this.terminate();
  }

  /** `kill -9` of the container: everything in its PID namespace is dead at once. */
  crash(): void {
    this.process?.end(false);
  }

  /** The container is killed, and its pod is another one from now on. */
  replace(): void {
    this.#pods += 1;
    this.crash();
  }

  /** The pod is deleted for ever, as seen from its node: the container is gone. */
  remove(): void {
    this.#isGone = true;
    this.crash();
  }

  #facts(id: string): Facts {
    const { name, variables, isPid1, generation = 0 } = this.options;
    return {
      seed: this.#world.seed32(),
      incarnation: id.padEnd(32, "0"),
      variables: {
        ...variables,
        K8S_AWAIT_ELECTION_IDENTITY: name,
        K8S_AWAIT_ELECTION_POD_IP: podIp(name, generation, this.#pods),
      },
      hasCommand: true,
      podUid: `pod-${name}-${generation}-${this.#pods}`,
      podName: name,
      hostName: name,
      isPid1,
      abilities: { treeDiesWithHost: true, reapsOrphans: true, soleHolder: isPid1 },
    };
  }
}
