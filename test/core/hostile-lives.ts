/** Lives of one process in a hostile world, each told by its seed and judged after every step. */
import assert from "node:assert/strict";
import type { Program } from "../../src/core/program.ts";
import type { Facts } from "../../src/core/protocol.ts";
import { Judge } from "./hostile-judge.ts";
import { pickBy } from "./hostile-texts.ts";
import { HostileWorld, type Scene, type Temper } from "./hostile-world.ts";

interface Lives extends Temper {
  readonly lives: number;
  readonly steps: number;
  /** The seed of the first life. */
  readonly from?: number;
}

const needed = {
  ENABLED: "1",
  NAME: "n",
  LOCK_NAME: "demo",
  LOCK_NAMESPACE: "default",
  IDENTITY: "a",
};
const variants: readonly Readonly<Record<string, string>>[] = [
  needed,
  {
    ...needed,
    SERVICE_NAME: "web",
    POD_IP: "10.1.2.3",
    SERVICE_PORTS_JSON: '[{"port":80}]',
    STATUS_ENDPOINT: ":9999",
    TAKEOVER_DELAY: "0",
    LOG_LEVEL: "debug",
  },
  { ...needed, ON_LOSS: "exit", LOG_FORMAT: "json", TAKEOVER_DELAY: "0" },
  { ...needed, STRICT: "1", TAKEOVER_DELAY: "0" },
];
/** Where the world's texts are a few KiB long. */
const largestState = 64 * 1024;

/** The facts of the life with this seed; `more` are further variables, without their prefix. */
export function settings(seed: number, more: Readonly<Record<string, string>> = {}): Facts {
  const variables = Object.entries({ ...variants[seed % variants.length], ...more });
  return {
    seed,
    incarnation: "f".repeat(32),
    variables: Object.fromEntries(
      variables.map(([key, value]) => [`K8S_AWAIT_ELECTION_${key}`, value]),
    ),
    hasCommand: true,
    podUid: "pod-1",
    hostName: "host",
    isPid1: seed % 2 === 0,
    abilities: { treeDiesWithHost: true, reapsOrphans: false, soleHolder: true },
  };
}

/** @throws Error that names the seed of the life that went wrong, and its last scenes. */
export function live({ lives, steps, from = 1, ...temper }: Lives): {
  readonly reached: ReadonlySet<string>;
  readonly starts: number;
  readonly steps: number;
} {
  const reached = new Set<string>();
  let starts = 0;
  let taken = 0;
  for (let seed = from; seed < from + lives; seed++) {
    const world = new HostileWorld(
      factsFor(seed, temper),
      pickBy(Math.imul(seed, 0x9e3779b1)),
      temper,
    );
    const told: Scene[] = [];
    try {
      const judge = new Judge();
      judge.see(world.opening);
      for (let done = 0; done < steps && world.program.name !== "finished"; done++) {
        const scene = world.move();
        told.push(scene);
        if (told.length > 8) told.shift();
        judge.see(scene);
        if (scene.orders.some(({ type }) => type === "start")) starts += 1;
        if (done % 100 === 0) assertBounded(world.program);
        taken += 1;
        note(reached, world.program);
      }
    } catch (error) {
      const scenes = told.map(({ now, report, orders }) => JSON.stringify([now, report, orders]));
      throw new Error(`Life ${seed}: ${String(error)}\n${scenes.join("\n")}`, { cause: error });
    }
  }
  return { reached, starts, steps: taken };
}

export function assertBounded(program: Program): void {
  const { length } = JSON.stringify(program);
  assert.ok(length <= largestState, `a state of ${length} characters`);
}

function factsFor(seed: number, { isEndless = false }: Temper): Facts {
  return settings(seed, isEndless ? { ON_LOSS: "rejoin" } : {});
}

function note(reached: Set<string>, program: Program): void {
  if (program.name !== "running") return;
  reached.add(program.election.phase.name).add(program.command.name);
}
