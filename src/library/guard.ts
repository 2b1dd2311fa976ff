/**
 * The thread that ends the process when a function outlives its term, also where that blocks the loop
 * (contract S3). There is one for all electors, started with the first function that is called.
 *
 * What it cannot do: act while the whole process stands still (SIGSTOP, a frozen cgroup, a suspended
 * machine). Then it acts as soon as the process runs again.
 */
import { Worker } from "node:worker_threads";
import type { Guard } from "./host.ts";

/** Within W (A4): where the loop is not blocked it ends the process at H, with better manners. */
export const patienceMs = 150;

const never = 2n ** 62n;
const textBytes = 1024;

/**
 * The thread's program, as text: bundlers would lose a file of its own. It sleeps on the deadline, a
 * number in shared memory, and never returns to an event loop. The uptime counts suspends and the sleep
 * does not, hence the short slices. A pipe that nobody reads must not keep it from killing, hence the
 * write by a thread of libuv's pool.
 */
const program = `
  const { write } = require("node:fs");
  const { uptime } = require("node:os");
  const { deadline, bell, text } = require("node:worker_threads").workerData;
  for (;;) {
    const rung = Atomics.load(bell, 0);
    const leftMs = Number(Atomics.load(deadline, 0)) - uptime() * 1000;
    if (leftMs <= 0) {
      const said = Buffer.from(text.slice(2, 2 + text[0] * 256 + text[1]));
      write(2, said, () => {});
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      process.kill(process.pid, "SIGKILL");
    }
    Atomics.wait(bell, 0, rung, leftMs > 1e9 ? Infinity : leftMs > 1000 ? 200 : 20);
  }
`;

interface Held {
  atMs: number | undefined;
  readonly message: string;
  readonly lost: (problem: string) => void;
}

interface Thread {
  /** Tells the thread of the earliest deadline. */
  watch(earliest: Held | undefined): void;
}

const held = new Set<Held>();
let thread: Thread | undefined;

/** A deadline of its own; the process is killed if it passes while it is armed. */
export function createGuard(message: string, lost: (problem: string) => void): Guard {
  const own: Held = { atMs: undefined, message, lost };
  return {
    arm(at) {
      own.atMs = at + patienceMs;
      held.add(own);
      thread ??= startThread();
      thread.watch(earliest());
    },
    disarm() {
      own.atMs = undefined;
      held.delete(own);
      thread?.watch(earliest());
    },
  };
}

function earliest(): Held | undefined {
  let first: Held | undefined;
  for (const one of held) {
    if (first?.atMs === undefined || (one.atMs ?? first.atMs) < first.atMs) first = one;
  }
  return first;
}

function startThread(): Thread {
  const deadline = new BigInt64Array(new SharedArrayBuffer(8)).fill(never);
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const text = new Uint8Array(new SharedArrayBuffer(2 + textBytes));
  const worker = new Worker(program, {
    eval: true,
    workerData: { deadline, bell, text },
    name: "k8s-await-election guard",
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
  });
  worker.on("error", (error) =>
    lose(`the thread that keeps the deadline failed: ${String(error)}`),
  );
  worker.on("exit", () => lose("the thread that keeps the deadline has ended"));
  worker.unref();
  return {
    watch(first) {
      if (first !== undefined) write(text, `${first.message}\n`);
      Atomics.store(deadline, 0, BigInt(Math.ceil(first?.atMs ?? Number(never))));
      Atomics.add(bell, 0, 1);
      Atomics.notify(bell, 0);
    },
  };
}

function lose(problem: string): void {
  thread = undefined;
  for (const one of held) one.lost(problem);
}

function write(text: Uint8Array, message: string): void {
  const bytes = Buffer.from(message).subarray(0, textBytes);
  text.set([bytes.length >> 8, bytes.length & 255, ...bytes]);
}
