/**
 * The faults that strike in a run: each has a name, one knob, and a time until which it is felt.
 *
 * All of them keep to A1–A8 but for those whose overlaps `checkers/exclusion.ts` bounds.
 */
import { ambush, slowStart } from "./ambushes.ts";
import { calm, type Weather } from "./network.ts";
import type { Replica } from "./replica.ts";
import { meddle } from "./routes.ts";
import { leasePath, type Server } from "./server.ts";
import type { World } from "./world.ts";

/** What faults can take hold of. */
export interface Ground {
  readonly world: World;
  readonly server: Server;
  readonly replicas: Replica[];
  readonly leaseMs: number;
  /** Starts a pod of the same name on another node, while the old one may live. */
  reuse(replica: Replica): Replica;
}

export interface Fault {
  /** What its knob turns, and how far. */
  readonly about: string;
  /** Strikes one replica, or what all share; returns until when it is felt. */
  strike(ground: Ground, replica: Replica): number;
}

export const faults: Readonly<Record<string, Fault>> = {
  cut: weather("black hole both ways, up to 2.4 D", () => ({ isCut: true })),
  mute: weather("requests are applied, answers lost, up to 2.4 D", () => ({ isMute: true })),
  refused: weather("connections break and are refused, up to 2.4 D", () => ({ isRefused: true })),
  halfOpen: weather("new exchanges hang while open streams go on", () => ({ isHalfOpen: true })),
  lossy: weather("loss up to 0.7 each way, answers up to 6 s late", ({ world }) => ({
    loss: world.between(0, 0.7),
    slow: world.between(0, 0.7),
    slowMs: 6000,
  })),
  lateWrites: weather("half of the requests are applied up to 2 D late", ({ leaseMs }) => ({
    late: 0.5,
    lateMs: 2 * leaseMs,
  })),
  silentWatch: weather("streams say nothing, requests go on", () => ({ isStreamSilent: true })),
  replayingWatch: weather("streams repeat older lines", () => ({ replay: 0.6 })),
  denied: weather("401 for all or 403 for one verb", ({ world }) => ({
    denied: world.pick(["write", "read", "watch", "token"] as const),
  })),
  fading: {
    about: "answers up to 2.5 s late each way, then a black hole",
    strike: ({ world, leaseMs }, { link }) => {
      const slow = set(link, { slow: 1, slowMs: 2500 });
      let cut = slow;
      world.after(world.between(500, leaseMs / 2), () => {
        if (link.weather === slow) cut = set(link, { isCut: true });
      });
      return until(world, 3 * leaseMs, () => {
        if (link.weather === slow || link.weather === cut) link.weather = calm;
      });
    },
  },
  crash: {
    about: "kill -9 of the container, which starts again in the same pod within 2 s",
    strike: ({ world }, replica) => {
      replica.crash();
      return world.nowMs + 2000;
    },
  },
  replaced: {
    about: "the pod is killed and comes back as another of the same name",
    strike: ({ world }, replica) => {
      replica.replace();
      return world.nowMs + 2000;
    },
  },
  reused: {
    about: "a pod of the same name starts elsewhere while the old one, cut off, lives up to 2 D on",
    strike: (ground, replica) => {
      const { world, leaseMs } = ground;
      set(replica.link, { isCut: true });
      ground.reuse(replica);
      return until(world, world.between(0.2, 2) * leaseMs, () => replica.remove());
    },
  },
  stall: {
    about: "the loop takes no report for up to 2.4 D; the watchdog works",
    strike: ({ world, leaseMs }, replica) => {
      const ms = world.between(100, 2.4 * leaseMs);
      replica.process?.stall(ms);
      return world.nowMs + ms;
    },
  },
  suspend: {
    about: "the whole node sleeps for up to 2.4 D; its clock counts on",
    strike: ({ world, leaseMs }, { machine }) => {
      const ms = world.between(100, 2.4 * leaseMs);
      machine.suspend(ms);
      return world.nowMs + ms;
    },
  },
  wallJump: {
    about: "the wall clock jumps by up to a day",
    strike: ({ world }, { machine }) => {
      machine.wallOffsetMs += world.between(-86_400_000, 86_400_000);
      return world.nowMs;
    },
  },
  stop: {
    about: "SIGTERM, once or twice",
    strike: ({ world }, replica) => {
      replica.terminate();
      if (world.chance(0.2)) world.after(world.between(1, 3000), () => replica.terminate());
      return world.nowMs + 5000;
    },
  },
  ambush: {
    about: "SIGTERM, or the end of the watchdog, in the middle of the next claim or release",
    strike: ambush,
  },
  slowStart: {
    about: "watchdog and start take up to W, and the next new term ends meanwhile",
    strike: slowStart,
  },
  exits: {
    about: "the command ends by itself at this moment",
    strike: ({ world, replicas }) => {
      for (const { machine, process } of replicas) machine.after(0, () => process?.tree?.exit());
      return world.nowMs;
    },
  },
  stuck: {
    about: "the command falls into uninterruptible sleep for up to 2 D",
    strike: ({ world, leaseMs }, replica) => {
      const untilMs = world.nowMs + world.between(100, 2 * leaseMs);
      replica.process?.tree?.stick(untilMs);
      return untilMs;
    },
  },
  cannotStart: {
    about: "the next start of a command fails",
    strike: ({ world, leaseMs }, { process }) => {
      if (process !== undefined) process.command.failsToStart = true;
      return until(world, leaseMs, () => {
        if (process !== undefined) process.command.failsToStart = false;
      });
    },
  },
  guardLost: {
    about: "the watchdog ends",
    strike: ({ world }, replica) => {
      replica.process?.loseGuard();
      return world.nowMs + 3000;
    },
  },
  deleted: {
    about: "an operator deletes the Lease",
    strike: ({ world, server }) => {
      server.handle({ method: "DELETE", path: leasePath }, "operator", "");
      return world.nowMs;
    },
  },
  emptied: {
    about: "an operator empties the holder",
    strike: ({ world, server }) => {
      edit(server, { holderIdentity: "" });
      return world.nowMs;
    },
  },
  edited: {
    about: "an operator writes another holder",
    strike: ({ world, server }) => {
      edit(server, { holderIdentity: "somebody" });
      return world.nowMs;
    },
  },
  rerouted: {
    about: "somebody deletes or empties the slice of the Service",
    strike: ({ server, world }) => {
      meddle(server.store, world);
      server.routed();
      return world.nowMs;
    },
  },
  annotated: {
    about: "somebody annotates the Lease up to 50 times a second, for up to D",
    strike: ({ world, server, leaseMs }) => {
      const untilMs = world.nowMs + world.between(200, leaseMs);
      const everyMs = world.between(20, 300);
      let count = 0;
      const again = () => {
        if (world.nowMs > untilMs) return;
        edit(server, {}, { note: String(count++) });
        world.after(everyMs, again);
      };
      again();
      return untilMs;
    },
  },
  serverDown: {
    about: "the API server is away for up to 2 D and ends its streams",
    strike: ({ world, server, leaseMs }) => {
      server.disturb({ isDown: true });
      return until(world, world.between(100, 2 * leaseMs), () => server.disturb());
    },
  },
  serverFails: {
    about: "up to 0.9 of all requests are answered with 429 or 5xx, for up to D",
    strike: ({ world, server, leaseMs }) => {
      server.disturb({ failing: world.between(0.1, 0.9) });
      return until(world, world.between(100, leaseMs), () => server.disturb());
    },
  },
  compacted: {
    about: "the history is forgotten: streams that resume get 410",
    strike: ({ world, server }) => {
      server.store.compact();
      return world.nowMs;
    },
  },
  bookmark: {
    about: "the server sends bookmarks",
    strike: ({ world, server }) => {
      server.store.bookmark();
      return world.nowMs;
    },
  },
};

export const faultNames: readonly string[] = Object.keys(faults);

function weather(about: string, knobs: (ground: Ground) => Partial<Weather>): Fault {
  return {
    about,
    strike: (ground, { link }) => {
      const { world, leaseMs } = ground;
      const present = set(link, knobs(ground));
      return until(world, world.between(100, 2.4 * leaseMs), () => {
        // Another fault of this link has come meanwhile, with an end of its own.
        if (link.weather === present) link.weather = calm;
      });
    },
  };
}

function set(link: Replica["link"], knobs: Partial<Weather>): Weather {
  link.weather = { ...calm, ...knobs };
  return link.weather;
}

function until(world: World, ms: number, undo: () => void): number {
  world.after(ms, undo);
  return world.nowMs + ms;
}

/** Replaces a part of the Lease as `kubectl edit` does. */
function edit(
  server: Server,
  spec: Readonly<Record<string, unknown>>,
  annotations: Readonly<Record<string, string>> = {},
): void {
  if (server.lease === undefined) return;
  const { metadata, ...rest } = server.lease.raw as {
    metadata: { annotations?: object };
    spec?: object;
  };
  const body = {
    ...rest,
    metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } },
    spec: { ...rest.spec, ...spec },
  };
  const request = { method: "PUT", path: leasePath, body: JSON.stringify(body) };
  server.handle(request, "operator", "");
}
