/** One run of the small simulation: a seed, three replicas, and faults until they cease. */
import { ApiStore } from "../../src/api-server/store.ts";
import { clockDrift } from "../../src/core/timing.ts";
import { Trees } from "./checkers.ts";
import { Link } from "./network.ts";
import { Replica } from "./replica.ts";
import { World } from "./world.ts";

export interface RunOptions {
  readonly seed: number;
  /** How much faster one node's clock may be than another's: ρ, or more to see it break. */
  readonly drift?: number;
}

export interface RunResult {
  readonly violations: readonly string[];
  readonly terms: number;
  readonly gapsMs: readonly number[];
  readonly virtualMs: number;
}

/** D, R and P in seconds: CI's, the short production profile, and the defaults. */
const profiles = [
  [5, 3, 1],
  [8, 5, 1],
  [15, 10, 2],
] as const;

/** In lease durations. */
const faulty = 24;
const calm = 8;

const usualVariables = {
  K8S_AWAIT_ELECTION_ENABLED: "1",
  K8S_AWAIT_ELECTION_NAME: "sim",
  K8S_AWAIT_ELECTION_LOCK_NAME: "sim",
  K8S_AWAIT_ELECTION_LOCK_NAMESPACE: "default",
  K8S_AWAIT_ELECTION_STOP_TIMEOUT: "2",
  K8S_AWAIT_ELECTION_LOG_LEVEL: "error",
};

export function run({ seed, drift = clockDrift }: RunOptions): RunResult {
  const world = new World(seed);
  const store = new ApiStore({ seed });
  const trees = new Trees(world);
  const [lease, renewDeadline, retry] = world.pick(profiles);
  const leaseMs = lease * 1000;
  const variables = {
    ...usualVariables,
    K8S_AWAIT_ELECTION_LEASE_DURATION: String(lease),
    K8S_AWAIT_ELECTION_RENEW_DEADLINE: String(renewDeadline),
    K8S_AWAIT_ELECTION_RETRY_PERIOD: String(retry),
  };
  const replicas = ["a", "b", "c"].map((name, number) => {
    // The extremes break first, so they are drawn often.
    const clockRate = [1, 1 + drift, world.between(1, 1 + drift)][number] ?? 1;
    const clockOffsetMs = world.between(0, 1e9);
    const wallOffsetMs = world.between(-3_600_000, 3_600_000);
    const options = { name, variables, clockRate, clockOffsetMs, wallOffsetMs };
    return new Replica(world, new Link(world, store), trees, options);
  });
  for (const replica of replicas) world.after(world.between(0, 3000), () => replica.boot());
  planFaults(world, replicas, store, leaseMs);
  world.run(faulty * leaseMs);
  for (const { link } of replicas) {
    link.isCut = false;
    link.weather = { loss: 0, slow: 0, slowMs: 0 };
  }
  world.run((faulty + calm) * leaseMs);
  const violations = [...trees.violations];
  if (trees.emptyMs > 3 * leaseMs)
    violations.push(`L1: nobody leads ${trees.emptyMs} ms after calm`);
  return { violations, terms: trees.terms, gapsMs: trees.gapsMs, virtualMs: world.nowMs };
}

/** Faults strike at random times, one after another, and several at once. */
function planFaults(
  world: World,
  replicas: readonly Replica[],
  store: ApiStore,
  leaseMs: number,
): void {
  const strike = () => {
    if (world.nowMs > faulty * leaseMs) return;
    const replica = world.pick(replicas);
    const { link } = replica;
    const lastsMs = world.between(100, 2.4 * leaseMs);
    switch (
      world.pick(["crash", "cut", "weather", "fading", "stall", "stop", "compact", "bookmark"])
    ) {
      case "crash":
        replica.crash();
        break;
      case "cut":
        link.isCut = true;
        world.after(lastsMs, () => {
          link.isCut = false;
        });
        break;
      case "weather":
        link.weather = { loss: world.between(0, 0.7), slow: world.between(0, 0.7), slowMs: 6000 };
        world.after(lastsMs, () => {
          link.weather = { loss: 0, slow: 0, slowMs: 0 };
        });
        break;
      case "fading":
        // Answers come later and later, and then none: what counted from them would end too late.
        link.weather = { loss: 0, slow: 1, slowMs: 2500 };
        world.after(world.between(500, leaseMs / 2), () => {
          link.isCut = true;
        });
        world.after(3 * leaseMs, () => {
          link.isCut = false;
          link.weather = { loss: 0, slow: 0, slowMs: 0 };
        });
        break;
      case "stall":
        replica.stall(lastsMs);
        break;
      case "stop":
        replica.signal("SIGTERM");
        break;
      case "compact":
        store.compact();
        break;
      case "bookmark":
        store.bookmark();
        break;
    }
    world.after(world.between(100, 1.2 * leaseMs), strike);
  };
  world.after(2000, strike);
}
