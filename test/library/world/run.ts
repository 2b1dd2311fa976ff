/** One run of the simulation: a seed gives processes, their clocks, and what strikes them. */
import { deriveTiming } from "../../../src/core/timing.ts";
import { leasePath, leases, Server } from "../../world/server.ts";
import { Machine, startMs } from "../../world/machine.ts";
import { calm, Link, type Weather } from "../../world/network.ts";
import { World } from "../../world/world.ts";
import { Checkers, type Counts } from "./checkers.ts";
import { LibraryProcess } from "./process.ts";

export interface RunResult {
  readonly violations: readonly string[];
  readonly counts: Counts;
  readonly phases: ReadonlySet<string>;
}

interface Pod {
  readonly name: string;
  readonly machine: Machine;
  readonly link: Link;
  process: LibraryProcess;
}

const durations = [
  { leaseSeconds: 5, renewDeadlineSeconds: 3, retrySeconds: 1 },
  { leaseSeconds: 8, renewDeadlineSeconds: 5, retrySeconds: 1 },
  { leaseSeconds: 15, renewDeadlineSeconds: 10, retrySeconds: 2 },
];

const faultyMs = 180_000;

/** The clocks of two nodes are within this of each other, where A2 holds: ρ. */
export interface RunOptions {
  readonly seed: number;
  readonly drift?: number;
}

export function run({ seed, drift = 0.19 }: RunOptions): RunResult {
  const world = new World(seed);
  const timing = deriveTiming(world.pick(durations));
  const checkers = new Checkers(world);
  const server = new Server(world, seed, (commit) => checkers.committed(commit));
  const phases = new Set<string>();
  const pods = ["a", "b", "c"].map((name, number): Pod => {
    const machine = new Machine(world, {
      clockRate: [1, 1 + drift][number] ?? world.between(1, 1 + drift),
      clockOffsetMs: world.between(0, 1e9),
      wallOffsetMs: world.between(-3_600_000, 3_600_000),
    });
    const link = new Link(world, server);
    const pod = { name, machine, link, process: undefined as unknown as LibraryProcess };
    let starts = 0;
    const boot = (): void => {
      starts += 1;
      const settings = {
        namespace: "default",
        name: "sim",
        timing,
        self: {
          identity: name,
          mark: { incarnation: `${name}${starts}`.padEnd(32, "0"), podUid: "", pid1: false },
          soleHolder: false,
          strict: false,
        },
        about: {},
      };
      const around = { world, machine, link, witness: checkers };
      pod.process = new LibraryProcess(around, settings, () =>
        machine.after(world.between(100, 2000), boot),
      );
      wish(world, pod.process, machine);
    };
    world.after(world.between(0, 2000), boot);
    return pod;
  });
  world.after(2500, () => strike(world, server, pods, timing.leaseMs));
  watch(world, pods, phases);
  world.run(faultyMs);
  for (const { link } of pods) link.weather = calm;
  server.disturb();
  checkLiveness(world, checkers, pods, timing.leaseMs, timing.emptyWaitMs);
  return { violations: checkers.violations, counts: checkers.counts, phases };
}

/** Campaigns most of the time, leaves now and then, and observes as it likes. */
function wish(world: World, process: LibraryProcess, machine: Machine): void {
  process.join();
  const again = (): void => {
    if (process.isOver) return;
    if (world.chance(0.2)) process.leave();
    if (world.chance(0.3)) process.observe(world.chance(0.5));
    machine.after(world.between(100, 1500), () => process.join());
    machine.after(world.between(2000, 8000), again);
  };
  machine.after(world.between(2000, 8000), again);
}

function strike(world: World, server: Server, pods: readonly Pod[], leaseMs: number): void {
  if (world.nowMs > faultyMs) return;
  const leader = pods.find(({ process }) => process?.run !== undefined);
  const pod = (world.chance(0.6) ? leader : undefined) ?? world.pick(pods);
  const forMs = world.between(100, 2 * leaseMs);
  world.pick(faults)({ world, server, pod, forMs });
  world.after(world.between(100, 1.2 * leaseMs), () => strike(world, server, pods, leaseMs));
}

interface Fault {
  readonly world: World;
  readonly server: Server;
  readonly pod: Pod;
  readonly forMs: number;
}

function weather(news: Partial<Weather>): (fault: Fault) => void {
  return ({ world, pod: { link }, forMs }) => {
    const struck = { ...calm, ...news };
    link.weather = struck;
    world.after(forMs, () => {
      if (link.weather === struck) link.weather = calm;
    });
  };
}

const faults: readonly ((fault: Fault) => void)[] = [
  weather({ isCut: true }),
  weather({ isMute: true }),
  weather({ isRefused: true }),
  weather({ isHalfOpen: true }),
  weather({ isStreamSilent: true }),
  weather({ loss: 0.3, replay: 0.3 }),
  weather({ slow: 0.5, slowMs: 4000 }),
  weather({ late: 0.3, lateMs: 20_000 }),
  weather({ denied: "write" }),
  weather({ denied: "watch" }),
  ({ pod, forMs }) => pod.machine.suspend(forMs),
  ({ pod, forMs }) => pod.process?.stall(forMs / 2),
  ({ pod }) => pod.process?.end(),
  ({ server, world, forMs }) => {
    server.disturb({ failing: 0.5 });
    world.after(forMs, () => server.disturb());
  },
  ({ server, world, pod }) => edit(server, world, world.pick(["", "operator", pod.name])),
];

/** Of the holder, by an operator: whatever runs is told so, or stops by H. */
function edit(server: Server, world: World, holderIdentity: string): void {
  const wallMs = startMs + world.nowMs;
  const found = server.store.handle({ method: "GET", path: leasePath }, wallMs);
  if (found.type === "stream" || found.status !== 200) return;
  const lease = JSON.parse(found.body) as { spec: object };
  const body = JSON.stringify({ ...lease, spec: { ...lease.spec, holderIdentity } });
  server.handle({ method: "PUT", path: `${leases}/sim`, body }, "operator", "edit");
}

function watch(world: World, pods: readonly Pod[], phases: Set<string>): void {
  for (const { process } of pods) if (process !== undefined) phases.add(process.phase);
  world.after(3, () => watch(world, pods, phases));
}

/** Somebody leads again and again once the faults cease. */
function checkLiveness(
  world: World,
  checkers: Checkers,
  pods: readonly Pod[],
  leaseMs: number,
  emptyWaitMs: number,
): void {
  const fromMs = world.nowMs;
  // A suspend, then the longest wait of S7, on the slowest clock; then a function's own time.
  world.run(fromMs + 4 * leaseMs + 3 * emptyWaitMs + 30_000);
  const isLed =
    checkers.lastStartMs > fromMs || pods.some(({ process }) => process.run !== undefined);
  if (!isLed) checkers.violations.push("L1: nobody leads although all is well");
}
