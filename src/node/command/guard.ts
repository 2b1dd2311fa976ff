/**
 * The loop's side of the watchdog: a thread that kills the command's tree at the deadline even if
 * the loop is blocked. The thread is only believed to protect a deadline that it has confirmed.
 */
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import type { Instant, Report } from "../../core/protocol.ts";
import type { GuardNews, GuardOrder, GuardStart } from "./guard-worker.ts";
import type { Tree } from "./tree.ts";

export type GuardReport = Extract<Report, { type: "guardReady" | "guardFired" | "guardLost" }>;

export interface GuardOptions {
  readonly report: (report: GuardReport) => void;
  /** Starts the thread; the real one unless told. */
  readonly startThread?: (start: GuardStart) => Worker;
}

export interface Guard {
  /** Moves the deadline, or takes it away; every new one is confirmed by `guardReady`. */
  arm(at: Instant | undefined): void;
  /** Says what to kill at the deadline. */
  protect(tree: Tree | undefined): void;
  /** Ends the thread without a report. */
  close(): Promise<void>;
}

/**
 * A thread without an answer for so long is lost. The time is counted in short checks, so that a
 * pause of the whole process, which runs no check either, does not count. Starting up takes
 * longer than answering on a machine short of CPU.
 */
const checkMs = 100;
const checksToAnswer = 10;
const checksToStart = 100;

/** Starts the thread, unarmed. */
export function createGuard({ report, startThread = startGuardThread }: GuardOptions): Guard {
  const bell = new Int32Array(new SharedArrayBuffer(8));
  const { port1: port, port2: threadPort } = new MessageChannel();
  const thread = startThread({ bell, port: threadPort });
  let armedAt: Instant | undefined;
  let isAwake = false;
  let lostMessage: string | undefined;

  const patience = createPatience({
    isAnswered() {
      takeNews();
      return isAwake && Atomics.load(bell, 1) === Atomics.load(bell, 0);
    },
    limit: () => (isAwake ? checksToAnswer : checksToStart),
    exhausted: () => lose("the guard's thread has stalled"),
  });

  function send(order: GuardOrder): void {
    if (lostMessage !== undefined) return;
    port.postMessage(order);
    Atomics.add(bell, 0, 1);
    Atomics.notify(bell, 0);
    patience.begin();
  }

  /** A blocked loop runs its timers before it receives messages, so a check looks for itself. */
  function takeNews(): void {
    for (let it = receiveMessageOnPort(port); it !== undefined; it = receiveMessageOnPort(port)) {
      hear(it.message);
    }
  }

  function hear(news: GuardNews): void {
    isAwake = true;
    if (lostMessage !== undefined || news.type === "awake") return;
    report(news.type === "ready" ? { type: "guardReady", at: news.at } : { type: "guardFired" });
  }

  function lose(message: string): void {
    takeNews();
    if (lostMessage !== undefined) return;
    lostMessage = message;
    patience.end();
    report({ type: "guardLost", message });
  }

  port.on("message", hear);
  port.unref();
  thread.unref();
  thread.on("error", (error) => lose(`the guard's thread failed: ${String(error)}`));
  thread.on("exit", () => lose("the guard's thread has ended"));

  return {
    arm(at) {
      if (lostMessage !== undefined) {
        if (at !== undefined) report({ type: "guardLost", message: lostMessage });
      } else if (at !== armedAt) {
        armedAt = at;
        send(at === undefined ? { type: "arm" } : { type: "arm", at });
      }
    },
    protect: (tree) => send(tree === undefined ? { type: "protect" } : { type: "protect", tree }),
    async close() {
      lostMessage ??= "the guard was closed";
      patience.end();
      port.close();
      await thread.terminate();
    },
  };
}

interface PatienceOptions {
  isAnswered(): boolean;
  limit(): number;
  exhausted(): void;
}

/** Waits for an answer from `begin` on, and says when it has waited for too many checks. */
function createPatience(options: PatienceOptions): { begin(): void; end(): void } {
  let timer: NodeJS.Timeout | undefined;
  let missed = 0;
  const end = () => {
    clearInterval(timer);
    timer = undefined;
  };
  const check = () => {
    if (options.isAnswered()) return end();
    missed += 1;
    if (missed >= options.limit()) options.exhausted();
  };
  return {
    begin() {
      // Already waiting: an order more does not give a silent thread more time.
      if (timer !== undefined) return;
      missed = 0;
      timer = setInterval(check, checkMs);
    },
    end,
  };
}

/** The thread needs little memory and nothing of the environment, so it is given little. */
function startGuardThread(start: GuardStart): Worker {
  return new Worker(new URL("./guard-worker.js", import.meta.url), {
    workerData: start,
    transferList: [start.port],
    name: "guard",
    env: {},
    execArgv: [],
    resourceLimits: {
      maxOldGenerationSizeMb: 32,
      maxYoungGenerationSizeMb: 2,
      codeRangeSizeMb: 4,
      stackSizeMb: 1,
    },
  });
}
