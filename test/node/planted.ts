/** Loaded before the entry point, and in the guard's thread: causes what `plant.ts` names. */
import { openSync } from "node:fs";
import os from "node:os";
import { syncBuiltinESMExports } from "node:module";
import threads, {
  getEnvironmentData,
  isMainThread,
  setEnvironmentData,
  Worker,
  type WorkerOptions,
} from "node:worker_threads";
import { type Fault, type Plant, plantVariable } from "./plant.ts";

/** What both threads know. */
interface Shared {
  readonly plant: Plant;
  /** Whether the guard's part of the fault has struck, and for how long the machine was suspended. */
  readonly state: Int32Array<SharedArrayBuffer>;
}

const [struck, suspendedMs] = [0, 1];

const isEntryPoint = process.argv[1]?.endsWith("/cli.js") === true;
const text = process.env[plantVariable];

if (!isMainThread) spoilGuard(getEnvironmentData(plantVariable) as unknown as Shared);
else if (isEntryPoint && text !== undefined) spoilHost(JSON.parse(text) as Plant);

function spoilHost(plant: Plant): void {
  const shared: Shared = { plant, state: new Int32Array(new SharedArrayBuffer(8)) };
  const guard = spoilWorkers(shared);
  const clock = spoilClocks(shared);
  if (plant.litterMb !== undefined) litter(plant.litterMb);
  const { fault } = plant;
  if (fault === undefined) return;
  process.on("SIGPIPE", () => {
    if (fault.type === "endGuard") void guard()?.terminate();
    else if (fault.type === "stallGuard") shared.state[struck] = 1;
    else if (fault.type === "spoilClock" && fault.thread === "guard") shared.state[struck] = 1;
    else if (fault.type === "suspend") {
      shared.state[suspendedMs] = fault.ms;
      block(fault.stuckMs);
    } else if (fault.type === "spoilClock") clock.spoil(fault.how);
    else strike(fault);
  });
}

function spoilGuard(shared: Shared): void {
  const clock = spoilClocks(shared);
  const { fault } = shared.plant;
  const uptime = os.uptime;
  // The guard looks at its clock in every turn.
  os.uptime = () => {
    const hasStruck = Atomics.load(shared.state, struck) === 1;
    if (hasStruck && fault?.type === "stallGuard") for (;;);
    if (hasStruck && fault?.type === "spoilClock") clock.spoil(fault.how);
    return uptime();
  };
  syncBuiltinESMExports();
}

function strike(fault: Fault): void {
  switch (fault.type) {
    case "block":
      block(fault.ms);
      return;
    case "throw":
      throw new Error("planted");
    case "reject":
      void Promise.reject(new Error("planted"));
      return;
    case "overflow":
      overflow();
      return;
    case "exhaust": {
      const all: number[][] = [];
      for (;;) all.push(Array.from({ length: 100_000 }, Math.random));
    }
    case "hoard":
      hoard();
      return;
    default:
      process.abort();
  }
}

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Takes every file descriptor that is left, and keeps them. */
function hoard(): void {
  try {
    for (;;) openSync("/dev/null", "r");
  } catch {
    // That was the last.
  }
}

function overflow(): number {
  return 1 + overflow();
}

/** Gives every thread this module as well, and returns the one that was started last. */
function spoilWorkers(shared: Shared): () => Worker | undefined {
  let last: Worker | undefined;
  setEnvironmentData(plantVariable, shared);
  const PlantedWorker = new Proxy(Worker, {
    construct(Target, [file, options]: [string | URL, WorkerOptions]) {
      last = new Target(file, { ...options, execArgv: ["--import", import.meta.url] });
      return last;
    },
  });
  Object.assign(threads, { Worker: PlantedWorker });
  syncBuiltinESMExports();
  return () => last;
}

interface SpoiltClock {
  spoil(how: "goes back" | "unreadable"): void;
}

function spoilClocks({ plant, state }: Shared): SpoiltClock {
  const { rate = 1, wall } = plant;
  const monotonic = process.hrtime.bigint.bind(process.hrtime);
  const uptime = os.uptime;
  let spoilt: "goes back" | "unreadable" | undefined;
  process.hrtime.bigint = () => BigInt(Math.round(Number(monotonic()) * rate));
  os.uptime = () => {
    if (spoilt === "unreadable") return Number.NaN;
    const jumpMs = Atomics.load(state, suspendedMs) - (spoilt === "goes back" ? 3_600_000 : 0);
    return uptime() * rate + jumpMs / 1000;
  };
  syncBuiltinESMExports();
  if (wall !== undefined) spoilWallClock(wall);
  return {
    spoil: (how) => {
      spoilt = how;
    },
  };
}

function spoilWallClock(wall: NonNullable<Plant["wall"]>): void {
  const now = Date.now;
  const startedMs = now();
  let looks = 0;
  if (wall === "frozen") Date.now = () => startedMs;
  else if (wall === "jumping") {
    Date.now = () => {
      looks += 1;
      // No multiple of what one reading of the clocks takes.
      return now() + (looks % 3 === 0 ? -1 : 1) * 3_600_000;
    };
  } else {
    const fromMs = Date.parse(wall.replace("from ", ""));
    Date.now = () => fromMs + now() - startedMs;
  }
}

function litter(megabytes: number): void {
  setInterval(() => {
    const strings: string[] = [];
    for (let i = 0; i < megabytes * 1000; i += 1) strings.push(`${i} ${Math.random()}`.repeat(50));
  }, 5);
}
