/** The real clock, and one timer for all electors of the process. */
import { createClock, settle } from "../node/clock.ts";
import type { Time } from "./host.ts";

interface Alarm {
  readonly atMs: number;
  readonly happen: () => void;
}

/** Timers of Node stand still in a suspend: so late it is noticed at most, once awake. */
const longestSleepMs = 500;

/** Counts the time that the machine spends suspended. */
export function createTime(): Time {
  const clock = createClock();
  settle(clock);
  const alarms = new Set<Alarm>();
  let timer: NodeJS.Timeout | undefined;
  let wakesAtMs = Number.POSITIVE_INFINITY;

  function ring(): void {
    wakesAtMs = Number.POSITIVE_INFINITY;
    const nowMs = clock.now().instant;
    for (const alarm of alarms) {
      if (alarm.atMs > nowMs || !alarms.delete(alarm)) continue;
      alarm.happen();
    }
    sleep();
  }

  /** A timer that is early enough already is left alone. */
  function sleep(): void {
    if (alarms.size === 0) {
      clearTimeout(timer);
      wakesAtMs = Number.POSITIVE_INFINITY;
      return;
    }
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { atMs } of alarms) nextMs = Math.min(nextMs, atMs);
    const nowMs = clock.now().instant;
    const wakeMs = Math.min(nextMs, nowMs + longestSleepMs);
    if (wakesAtMs <= wakeMs) return;
    clearTimeout(timer);
    wakesAtMs = wakeMs;
    timer = setTimeout(ring, Math.max(0, Math.ceil(wakeMs - nowMs)));
  }

  return {
    now: () => clock.now(),
    after(ms, happen) {
      const alarm = { atMs: clock.now().instant + ms, happen };
      alarms.add(alarm);
      sleep();
      return () => {
        if (alarms.delete(alarm) && alarms.size === 0) sleep();
      };
    },
  };
}
