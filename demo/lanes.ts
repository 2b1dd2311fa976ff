/** What the screen shows of each replica: its role, and since when it has it. */
import type { Lease } from "./cluster.ts";
import type { Interval } from "./journal.ts";

/** What was seen of one replica at one moment. */
export interface Sight {
  readonly name: string;
  readonly condition: "running" | "stopping" | "frozen" | "down";
  readonly isConnected: boolean;
  readonly isCut: boolean;
  /** The life of its command, while that is there. */
  readonly life?: Interval;
  /** Where the command's page is. */
  readonly port?: number;
}

export type Role =
  | "starts"
  | "waits"
  | "leads"
  | "leads, cut off"
  | "cut off"
  | "stops"
  | "frozen"
  | "restarts";

export interface Lane {
  readonly name: string;
  readonly role: Role;
  readonly sinceNs: number;
  readonly token: string;
  readonly port?: number;
  /** Of the lease that it holds: how long until another may take it, as others see it. */
  readonly leftMs?: number;
}

/** The Lease, and when the demo saw it change. */
export interface Holding {
  readonly lease: Lease;
  readonly seenNs: number;
}

/** A record that is seen again keeps the instant at which it was first seen. */
export function sightLease(
  before: Holding | undefined,
  lease: Lease | undefined,
  nowNs: number,
): Holding | undefined {
  if (lease === undefined) return undefined;
  const isKnown =
    before?.lease.holder === lease.holder && before.lease.renewTime === lease.renewTime;
  return isKnown ? before : { lease, seenNs: nowNs };
}

/** A role that lasts keeps the instant at which it was taken. */
export function lanesOf(
  before: readonly Lane[],
  sights: readonly Sight[],
  { holding, leaseMs, nowNs }: { holding: Holding | undefined; leaseMs: number; nowNs: number },
): readonly Lane[] {
  return sights.map((sight) => {
    const { name, life, port } = sight;
    const role = roleOf(sight);
    const known = before.find((lane) => lane.name === name && lane.role === role);
    const leftMs =
      holding?.lease.holder === name
        ? Math.max(0, leaseMs - (nowNs - holding.seenNs) / 1e6)
        : undefined;
    return {
      name,
      role,
      sinceNs: role === "leads" && life !== undefined ? life.startNs : (known?.sinceNs ?? nowNs),
      token: life?.token ?? "",
      ...(port === undefined ? {} : { port }),
      ...(leftMs === undefined ? {} : { leftMs }),
    };
  });
}

function roleOf({ condition, isConnected, isCut, life }: Sight): Role {
  switch (condition) {
    case "down":
      return "restarts";
    case "frozen":
      return "frozen";
    case "stopping":
      return "stops";
    case "running":
      if (life !== undefined) return isCut ? "leads, cut off" : "leads";
      if (isCut) return "cut off";
      return isConnected ? "waits" : "starts";
  }
}
