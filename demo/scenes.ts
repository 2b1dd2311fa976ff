/** The scenes of the story: what is done to the leader, and why our entry point acts as it does. */
import { deriveTiming } from "../src/core/timing.ts";
import type { Replica } from "./replica.ts";
import { durations, type World } from "./world.ts";

export interface Scene {
  readonly step: string;
  /** `victim` is the replica whose command runs, if one does. */
  act(world: World, victim: Replica | undefined): void | Promise<void>;
  /** Undoes what would last. */
  mend?(victim: Replica | undefined): void | Promise<void>;
  /** What is done to `hit`. */
  what(hit: string): string;
  /** What came of it and why that took as long as it did; `next` runs the command now. */
  why(next: string, hit: string): string;
}

const { stopMs, leaseSeconds } = deriveTiming(durations);
const whenOld = `when the Lease had not been renewed for ${leaseSeconds} s`;

export const scenes: readonly Scene[] = [
  {
    step: "start",
    async act(world) {
      await Promise.all([world.add(), world.add(), world.add()]);
    },
    what: () => "Three replicas were started where there was no Lease yet",
    why: (next) => `${next} created it first and ran the command, and the others wait`,
  },
  {
    step: "hand-over",
    act: (_, victim) => victim?.stop(),
    what: (hit) => `${hit} got SIGTERM`,
    why: (next) =>
      `it stopped its command, released the Lease only then, and ${next}, which watches it, ` +
      "needed only the time to start a process",
  },
  {
    step: "crash",
    act: (_, victim) => victim?.kill(),
    what: (hit) => `${hit} was killed together with its command`,
    why: (next) =>
      `nobody was left to release the Lease, and nobody else can know that, so ${next} took ` +
      `over ${whenOld}`,
  },
  {
    step: "cut-off",
    act: (_, victim) => victim?.proxy.cut(),
    mend: (victim) => victim?.proxy.heal(),
    what: (hit) => `${hit} could no longer reach the API server`,
    why: (next) =>
      `it began to stop its command by itself ${(stopMs / 1000).toFixed(1)} s after its last ` +
      `renewal, well before ${next} took over ${whenOld}`,
  },
  {
    step: "freeze",
    act: (_, victim) => victim?.freeze(),
    mend: (victim) => victim?.thaw(),
    what: (hit) => `${hit} was frozen together with its command`,
    why: (next) =>
      `${next} took over ${whenOld}, and the entry point, thawed a moment before its command, saw ` +
      "that its time was over and killed it",
  },
  {
    step: "deletion",
    act: (world) => world.cluster.deleteLease(),
    what: (hit) => `Somebody deleted the Lease while ${hit} led`,
    why: (next, hit) =>
      `${hit} killed its command at once, for anybody may now create the Lease; it alone knows ` +
      `that nothing is left of it and need not wait, so ${next} led`,
  },
];
