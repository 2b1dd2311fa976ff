/**
 * The loop: takes one report at a time to the program and carries out what it orders.
 *
 * There is never a stored timer beyond the one that wakes it: timers of Node stand still while the
 * machine is suspended, so it never sleeps long, and looks at the suspend-counting clock instead.
 */
import * as programs from "../core/program.ts";
import type { Facts, Order, Report } from "../core/protocol.ts";
import type { Steps } from "../core/recording.ts";
import type { Clock } from "./clock.ts";

export interface LoopOptions {
  readonly clock: Clock;
  readonly carryOut: (order: Order) => void;
  /** A bug of ours, or a clock that cannot be read: nothing may go on (contract S14). */
  readonly failed: (error: unknown) => void;
  /** In place of the bare program: with a recorder around it. */
  readonly steps?: Steps;
}

export interface Loop {
  /** Takes a report at any time, also while an order is carried out. */
  report(report: Report): void;
  /** Begins the program; reports that came before wait for it. */
  begin(facts: Facts): void;
  /** Takes no report any more. */
  stop(): void;
}

/** So late a suspend is noticed at the latest, once the machine is awake. */
const longestSleepMs = 500;

export function createLoop({ clock, carryOut, failed, steps = programs }: LoopOptions): Loop {
  const inbox: Report[] = [];
  let program: programs.Program | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isBusy = false;

  function follow([next, ...orders]: readonly [programs.Program, ...Order[]]): void {
    program = next;
    for (const order of orders) carryOut(order);
  }

  /** Works off every report, those that come meanwhile too, and sleeps until the deadline. */
  function work(): void {
    if (isBusy || program === undefined) return;
    isBusy = true;
    try {
      for (let report = inbox.shift(); report !== undefined; report = inbox.shift()) {
        if (program !== undefined) follow(steps.step(program, report, clock.now()));
      }
      sleep();
    } catch (error) {
      stop();
      failed(error);
    } finally {
      isBusy = false;
    }
  }

  function sleep(): void {
    clearTimeout(timer);
    const at = program && programs.wakeAt(program);
    if (at === undefined) return;
    const leftMs = Math.max(0, at - clock.now().instant);
    timer = setTimeout(wake, Math.min(leftMs, longestSleepMs), at);
  }

  function wake(at: number): void {
    try {
      if (clock.now().instant >= at) inbox.push({ type: "tick" });
    } catch (error) {
      stop();
      return failed(error);
    }
    work();
  }

  function stop(): void {
    clearTimeout(timer);
    program = undefined;
    inbox.length = 0;
  }

  return {
    report(report) {
      inbox.push(report);
      work();
    },
    begin(facts) {
      isBusy = true;
      try {
        follow(steps.begin(facts, clock.now()));
      } catch (error) {
        failed(error);
      } finally {
        isBusy = false;
      }
      work();
    },
    stop,
  };
}
