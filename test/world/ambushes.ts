/** Faults that lie in wait for a moment that is too short to be hit by chance. */
import type { Ground } from "./faults.ts";
import { calm } from "./network.ts";
import { watchdogLatenessMs } from "./process.ts";
import type { Replica } from "./replica.ts";
import { leasePath } from "./server.ts";
import type { World } from "./world.ts";

/** Signals whoever claims or releases next, or ends its watchdog. */
export function ambush(ground: Ground): number {
  const { world, leaseMs } = ground;
  const untilMs = world.nowMs + 2 * leaseMs;
  const phase = world.pick(["claiming", "releasing"]);
  const signals = world.chance(0.6);
  whenever(ground, untilMs, phase, (victim) => {
    if (signals) victim.terminate();
    else victim.process?.loseGuard();
  });
  return untilMs;
}

/**
 * Slows down the watchdog and the start of whoever claims next, and ends its term before they have
 * answered: by SIGTERM, by deleting the Lease, or by a loop that takes no report until H has passed.
 * Then the link may break, so that what the replica does next is still under way when they answer.
 */
export function slowStart(ground: Ground): number {
  const { world, server, leaseMs } = ground;
  const untilMs = world.nowMs + 2 * leaseMs;
  whenever(ground, untilMs, "claiming", (victim) => {
    const { process } = victim;
    if (process === undefined) return;
    process.isSlowUntilMs = world.nowMs + 1000;
    process.command.failsToStart ||= world.chance(0.3);
    const how = world.pick(["delete", "delete", "terminate", "stall"] as const);
    const endsMs = world.between(5, 2 * watchdogLatenessMs);
    world.after(endsMs, () => {
      if (how === "delete") server.handle({ method: "DELETE", path: leasePath }, "operator", "");
      else if (how === "terminate") victim.terminate();
      else process.stall(world.between(process.timing.killMs, leaseMs));
    });
    if (world.chance(0.7)) world.after(endsMs + world.between(8, 20), () => mute(world, victim));
  });
  // Who claims last is stalled for D at most.
  return untilMs + leaseMs + 2000;
}

/** Its answers are lost for a second. */
function mute(world: World, { link }: Replica): void {
  const weather = { ...calm, isMute: true };
  link.weather = weather;
  world.after(1000, () => {
    if (link.weather === weather) link.weather = calm;
  });
}

/** Looks every millisecond for a replica in this phase; comes to nothing when there is none. */
function whenever(
  { world, replicas }: Ground,
  untilMs: number,
  phase: string,
  spring: (victim: Replica) => void,
): void {
  const watch = (): void => {
    const victim = replicas.find((replica) => replica.phase === phase);
    if (victim !== undefined) spring(victim);
    else if (world.nowMs < untilMs) world.after(1, watch);
  };
  watch();
}
