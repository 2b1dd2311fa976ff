/**
 * One run of the simulation: a seed gives the replicas, their clocks, and the faults that strike until
 * they cease; the rest is the programs' own doing.
 */
import { begin, step } from "../../src/core/program.ts";
import type { Steps } from "../../src/core/recording.ts";
import { clockDrift, deriveTiming, type Durations } from "../../src/core/timing.ts";
import { Jury } from "./checkers/jury.ts";
import { type Violation, Verdicts } from "./checkers/verdicts.ts";
import { Coverage, type Counts } from "./coverage.ts";
import { faultNames, faults, type Ground } from "./faults.ts";
import { Machine } from "./machine.ts";
import { calm, Link } from "./network.ts";
import { newPeer, type Peer, strikePeer } from "./peers.ts";
import { type Profile, profileNamed } from "./profiles.ts";
import { Replica } from "./replica.ts";
import { addressesIn, serviceVariables } from "./routes.ts";
import { Server } from "./server.ts";
import type { Witness } from "./witness.ts";
import { World } from "./world.ts";

export interface RunOptions {
  readonly seed: number;
  readonly profile?: Profile;
  /** The strikes by their number that are left out: what a failing run does not need. */
  readonly without?: ReadonlySet<number>;
  /** Made once the world is there; told everything. */
  readonly watch?: (world: World) => readonly Witness[];
  /** The program for a process of this id, such as one that is recorded. */
  readonly stepsOf?: (id: string) => Steps;
}

/** When which fault strikes whom. */
export interface Strike {
  readonly number: number;
  readonly atMs: number;
  readonly fault: string;
  /** Its number, client-go's after ours, or the leader, whoever that is then. */
  readonly victim: number | "leader";
}

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly strikes: readonly Strike[];
  readonly terms: number;
  readonly virtualMs: number;
  readonly handoversMs: Readonly<Record<string, readonly number[]>>;
  /** Two at once where no program could help it: see `checkers/exclusion.ts`. */
  readonly excusedMs: readonly number[];
  readonly coverage: Counts;
}

/** CI's, the short production profile, and the defaults. */
const durations: readonly Durations[] = [
  { leaseSeconds: 5, renewDeadlineSeconds: 3, retrySeconds: 1 },
  { leaseSeconds: 8, renewDeadlineSeconds: 5, retrySeconds: 1 },
  { leaseSeconds: 15, renewDeadlineSeconds: 10, retrySeconds: 2 },
];

const operators = ["deleted", "emptied", "edited", "slowStart"];

/** At least so long, and long enough for the longest wait once faults have ceased. */
const leastMs = 120_000;

/** For the stop timeout, the release, and what is stuck. */
const retireMs = 20_000;

export function run(options: RunOptions): RunResult {
  const { seed, profile = profileNamed("contract"), without, watch = () => [] } = options;
  const world = new World(seed);
  const chosen = world.pick(durations);
  const timing = deriveTiming(chosen);
  const { leaseMs } = timing;
  const longestWaitMs = Math.max(leaseMs + timing.goWaitMs, timing.emptyWaitMs);
  const calmMs = longestWaitMs * (1 + clockDrift) + 2 * leaseMs;
  const faultyMs = Math.max(leastMs - calmMs, 5 * leaseMs);
  const coverage = new Coverage(world, leaseMs);
  const jury = new Jury(new Verdicts(world), {
    leaseMs,
    longestWaitMs,
    others: [coverage, ...watch(world)],
  });
  const server = new Server(world, seed, (commit) => jury.committed(commit));
  server.routed = () => jury.routed(addressesIn(server.store));
  const replicas = cast(world, server, jury, chosen, options);
  const peers = castPeers(world, server, jury, chosen, profile);
  const ground: Ground = {
    world,
    server,
    replicas,
    leaseMs,
    reuse: (old) => reuse(ground, jury, old),
  };
  for (const member of [...replicas, ...peers.map(({ replica }) => replica)]) {
    world.after(world.between(0, 3000), () => member.boot());
  }
  const strikes = plan(world, replicas.length, peers.length, leaseMs, faultyMs);
  for (const strike of strikes) {
    if (without?.has(strike.number) === true) continue;
    const peer =
      typeof strike.victim === "number" ? peers[strike.victim - replicas.length] : undefined;
    world.after(strike.atMs, () => {
      if (peer === undefined) carryOut(ground, jury, strike);
      else jury.struck("peer", strikePeer(world, peer, leaseMs));
    });
  }
  world.run(faultyMs);
  settle(ground, peers);
  // A stop in calm times, whatever else there was.
  world.after(calmMs - leaseMs, () => {
    replicas.find(({ isLeading }) => isLeading)?.terminate();
  });
  world.run(faultyMs + calmMs);
  jury.liveness.finish();
  jury.routing.settled();
  for (const replica of replicas) replica.retire();
  world.run(faultyMs + calmMs + retireMs);
  jury.routing.finish();
  return {
    seed,
    violations: jury.verdicts.violations,
    strikes,
    terms: jury.exclusion.terms,
    virtualMs: world.nowMs,
    handoversMs: jury.liveness.handoversMs,
    excusedMs: jury.exclusion.excusedMs,
    coverage: coverage.counts,
  };
}

function cast(
  world: World,
  server: Server,
  jury: Jury,
  chosen: Durations,
  { profile = profileNamed("contract"), stepsOf = () => ({ begin, step }) }: RunOptions,
): Replica[] {
  const { drift, goPeers } = profile;
  const timing = deriveTiming(chosen);
  const count = goPeers > 0 ? 2 : world.pick([3, 3, 3, 4, 5]);
  const names = ["a", "b", "c", "d", "e"].slice(0, count);
  const variables = variablesOf(world, chosen);
  return names.map((name, number) => {
    // The extremes break first, so they are drawn often.
    const clockRate = [1, 1 + drift][number] ?? world.between(1, 1 + drift);
    const machine = newMachine(world, clockRate);
    const options = { name, variables, timing, isPid1: world.chance(0.7), stepsOf };
    return new Replica(world, machine, new Link(world, server), jury, options);
  });
}

function castPeers(
  world: World,
  server: Server,
  jury: Jury,
  { leaseSeconds, renewDeadlineSeconds, retrySeconds }: Durations,
  { drift, goPeers }: Profile,
): Peer[] {
  return ["g", "h"].slice(0, goPeers).map((identity) =>
    newPeer(world, server, jury, identity, {
      leaseMs: leaseSeconds * 1000,
      renewDeadlineMs: renewDeadlineSeconds * 1000,
      retryMs: retrySeconds * 1000,
      clockRate: world.between(1, 1 + drift),
    }),
  );
}

function newMachine(world: World, clockRate: number): Machine {
  const clockOffsetMs = world.between(0, 1e9);
  return new Machine(world, {
    clockRate,
    clockOffsetMs,
    wallOffsetMs: world.between(-3_600_000, 3_600_000),
  });
}

function reuse({ world, server, replicas }: Ground, jury: Jury, old: Replica): Replica {
  const machine = newMachine(world, old.machine.rate);
  const options = { ...old.options, generation: (old.options.generation ?? 0) + 1 };
  const fresh = new Replica(world, machine, new Link(world, server), jury, options);
  replicas[replicas.indexOf(old)] = fresh;
  world.after(world.between(100, 2000), () => fresh.boot());
  return fresh;
}

function variablesOf(world: World, chosen: Durations): Readonly<Record<string, string>> {
  const stopSeconds = world.pick(["1", "2", "10"]);
  const probing = {
    K8S_AWAIT_ELECTION_READY_PROBE: "http://127.0.0.1:8080/healthz",
    K8S_AWAIT_ELECTION_READY_PERIOD: "2",
    K8S_AWAIT_ELECTION_READY_THRESHOLD: "2",
    K8S_AWAIT_ELECTION_START_TIMEOUT: "5",
  };
  return {
    K8S_AWAIT_ELECTION_ENABLED: "1",
    K8S_AWAIT_ELECTION_NAME: "sim",
    K8S_AWAIT_ELECTION_LOCK_NAME: "sim",
    K8S_AWAIT_ELECTION_LOCK_NAMESPACE: "default",
    K8S_AWAIT_ELECTION_STOP_TIMEOUT: stopSeconds,
    K8S_AWAIT_ELECTION_LOG_LEVEL: "error",
    K8S_AWAIT_ELECTION_LEASE_DURATION: String(chosen.leaseSeconds),
    K8S_AWAIT_ELECTION_RENEW_DEADLINE: String(chosen.renewDeadlineSeconds),
    K8S_AWAIT_ELECTION_RETRY_PERIOD: String(chosen.retrySeconds),
    ...(world.chance(0.3) ? { K8S_AWAIT_ELECTION_ON_LOSS: "exit" } : {}),
    ...serviceVariables(world, stopSeconds),
    ...(world.chance(0.2) ? probing : {}),
  };
}

/** Strikes one after another, and several at once. */
function plan(
  world: World,
  replicas: number,
  peers: number,
  leaseMs: number,
  untilMs: number,
): Strike[] {
  // Whoever deletes or edits the Lease beside client-go's electors breaks A8: they create it anew.
  const choices = peers > 0 ? faultNames.filter((name) => !operators.includes(name)) : faultNames;
  const strikes: Strike[] = [];
  for (let atMs = 2000; atMs < untilMs; atMs += world.between(100, 1.2 * leaseMs)) {
    const number = strikes.length;
    const victim = world.chance(0.5) ? "leader" : Math.floor(world.between(0, replicas + peers));
    strikes.push({ number, atMs, fault: world.pick(choices), victim });
  }
  return strikes;
}

function carryOut(ground: Ground, jury: Jury, { fault, victim }: Strike): void {
  const { replicas } = ground;
  const leader = replicas.find(({ isLeading }) => isLeading) ?? replicas[0];
  const struck = victim === "leader" ? leader : replicas[victim];
  const untilMs = struck && faults[fault]?.strike(ground, struck);
  if (untilMs !== undefined) jury.struck(fault, untilMs);
}

/** All faults cease that are still felt; what sleeps or is stalled wakes by itself. */
function settle({ server, replicas }: Ground, peers: readonly Peer[]): void {
  server.disturb();
  for (const { link } of [...replicas, ...peers]) link.weather = calm;
}
