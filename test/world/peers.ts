/** client-go electors in a world of ours, and the faults that strike them. */
import { GoReplica } from "./go-elector-replica.ts";
import { Machine } from "./machine.ts";
import { calm, Link } from "./network.ts";
import type { Server } from "./server.ts";
import { Tree } from "./tree.ts";
import type { Witness } from "./witness.ts";
import type { World } from "./world.ts";

interface PeerOptions {
  readonly leaseMs: number;
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
  readonly clockRate: number;
}

export interface Peer {
  readonly replica: GoReplica;
  readonly link: Link;
}

/** Its answers are prompt (A5): the waits of S7 are for that. */
export function newPeer(
  world: World,
  server: Server,
  witness: Required<Witness>,
  identity: string,
  options: PeerOptions,
): Peer {
  const { clockRate } = options;
  const link = new Link(world, server);
  const machine = new Machine(world, { clockRate, clockOffsetMs: 0, wallOffsetMs: 0 });
  const work = { started: () => startWork(world, machine, witness, identity) };
  const replica = new GoReplica(world, link, work, {
    ...options,
    identity,
    lock: "sim",
    // A release without a limit, as before v0.31, needs a longer K8S_AWAIT_ELECTION_TAKEOVER_DELAY.
    release: world.pick(["none", "v0.34"] as const),
    handlesSigterm: world.chance(0.5),
    isPid1: true,
    restartMs: world.between(200, 3000),
  });
  return { replica, link };
}

/** Strikes a peer in one of three ways; returns until when it is felt. */
export function strikePeer(world: World, { replica, link }: Peer, leaseMs: number): number {
  const untilMs = world.nowMs + world.between(100, 2.4 * leaseMs);
  const fault = world.pick(["cut", "refused", "crash"] as const);
  if (fault === "crash") {
    replica.crash();
    return world.nowMs + 3000;
  }
  const weather = { ...calm, isCut: fault === "cut", isRefused: fault === "refused" };
  link.weather = weather;
  world.after(untilMs - world.nowMs, () => {
    if (link.weather === weather) link.weather = calm;
  });
  return untilMs;
}

function startWork(
  world: World,
  machine: Machine,
  witness: Required<Witness>,
  owner: string,
): () => void {
  const options = { owner, isDeaf: true, hasDaemons: false, stopMs: 0, code: 0 };
  const tell = { exited: () => {}, emptied: () => witness.emptied(tree) };
  const tree: Tree = new Tree(world, machine, options, tell);
  witness.started(tree);
  return () => tree.end();
}
