/**
 * The guard's thread: at the deadline it kills the tree, whatever the loop does (contract S3).
 *
 * It never returns to an event loop of its own. It sleeps on the bell, a number in memory shared
 * with the loop, and takes its orders from the port without waiting for anyone.
 */
import { closeSync, openSync } from "node:fs";
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { instant, type Instant } from "../../core/protocol.ts";
import { createClock, settle } from "../clock.ts";
import { createKill, type Kill, pauseAfterMs, type Tree } from "./tree.ts";

/** What the thread is given at its start. */
export interface GuardStart {
  /** Element 0 counts the orders sent, element 1 those taken. */
  readonly bell: Int32Array<SharedArrayBuffer>;
  readonly port: MessagePort;
}

export type GuardOrder =
  | { readonly type: "arm"; readonly at?: Instant }
  | { readonly type: "protect"; readonly tree?: Tree };

export type GuardNews =
  /** The thread runs. */
  | { readonly type: "awake" }
  | { readonly type: "ready"; readonly at: Instant }
  | { readonly type: "fired" };

/**
 * Waiting follows CLOCK_MONOTONIC, which does not count a suspend, so a suspend that reaches past
 * the deadline is noticed up to one slice after it: within W, the 250 ms of contract A4.
 */
const farSliceMs = 200;
const nearSliceMs = 20;
const nearMs = 1000;

function watch({ bell, port }: GuardStart): never {
  const clock = createClock();
  settle(clock);
  let deadline: Instant | undefined;
  let hasFired = false;
  let tree: Tree | undefined;
  let kill: Kill | undefined;
  let killingSince = instant(0);
  const reserve = createReserve();

  const obey = (order: GuardOrder) => {
    if (order.type === "protect") {
      tree = order.tree;
      kill = undefined;
      if (tree !== undefined) reserve.take();
      return;
    }
    deadline = order.at;
    hasFired = false;
    if (deadline !== undefined) tell({ type: "ready", at: deadline });
  };
  const tell = (news: GuardNews) => port.postMessage(news);

  /** Without a clock no deadline can be kept: fail stop, which is now (contract S14). */
  const readClock = (): Instant => {
    try {
      return clock.now().instant;
    } catch (error) {
      if (deadline !== undefined && tree !== undefined) createKill(tree)();
      throw error;
    }
  };

  /** Does what is due and returns how long to sleep. */
  const turn = (): number => {
    const now = readClock();
    const isDue = deadline !== undefined && now >= deadline;
    // A tree handed over late, by a loop that was blocked while starting it, is due as well.
    if (isDue && tree !== undefined && kill === undefined) {
      reserve.release();
      kill = createKill(tree);
      killingSince = now;
    }
    const round = kill?.();
    if (isDue && !hasFired) {
      hasFired = true;
      tell({ type: "fired" });
    }
    if (round?.isEmpty === true) tree = kill = undefined;
    else if (round !== undefined) return pauseAfterMs(round, now - killingSince);
    if (deadline === undefined || isDue) return Number.POSITIVE_INFINITY;
    const leftMs = deadline - now;
    return Math.max(0, Math.min(leftMs, leftMs > nearMs ? farSliceMs : nearSliceMs));
  };

  tell({ type: "awake" });
  for (;;) {
    const rung = Atomics.load(bell, 0);
    if (rung !== Atomics.load(bell, 1)) {
      for (let it = receiveMessageOnPort(port); it !== undefined; it = receiveMessageOnPort(port)) {
        obey(it.message);
      }
      Atomics.store(bell, 1, rung);
    }
    Atomics.wait(bell, 0, rung, turn());
  }
}

/**
 * A file descriptor kept for the deadline: who is in the tree is read from files, and the process
 * may have run out of descriptors by then.
 */
function createReserve(): { take(): void; release(): void } {
  let descriptor: number | undefined;
  return {
    take() {
      try {
        descriptor ??= openSync("/dev/null", "r");
      } catch {
        // None is left already: the group can be killed without.
      }
    },
    release() {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
  };
}

watch(workerData);
