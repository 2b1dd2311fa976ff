/**
 * What a round is played with: replicas with a Lease of their own, each behind a proxy of its own, in
 * front of one control plane; and the oracle's journal read as instants.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { ControlPlane } from "../cluster/control-plane.ts";
import {
  deploy,
  type Deployment,
  lockName,
  type Replica,
  untilFollows,
} from "../cluster/replicas.ts";
import { ourRole } from "../cluster/roles.ts";
import { until } from "../cluster/until.ts";
import { createClock, settle } from "../../src/node/clock.ts";
import { processesWith } from "../hosts/observer.ts";
import { type Entry, journalOf, overlapsMs } from "../hosts/oracle.ts";
import { openProxy, type Proxy } from "../support/proxy.ts";
import type { Round } from "./series.ts";

export interface Durations {
  readonly leaseSeconds: number;
  readonly renewSeconds: number;
  readonly retrySeconds: number;
}

export interface GroupOptions {
  readonly durations: Durations;
  readonly followers?: number;
}

export interface Group {
  readonly deployment: Deployment;
  readonly replicas: readonly Replica[];
  readonly leader: Replica;
  /** Its way to the API server. */
  proxyOf(replica: Replica): Proxy;
  /** Starts one more, which sees nothing before its proxy is healed. */
  join(): Promise<Replica>;
}

/** The command heeds no SIGTERM and has a daemon, so every term lasts as long as it can. */
const oracle = { deaf: true, grandchild: true, measured: true };

const clock = createClock();
settle(clock);

/** The oracle's clock. */
export function nowMs(): number {
  return clock.now().instant;
}

/**
 * Starts them, and waits until all have seen the leader's record, its daemon runs, and it has renewed;
 * and then for any part of P. Nothing comes of it where the machine is too busy for that.
 */
export async function startGroup(
  t: TestContext,
  plane: ControlPlane,
  { durations, followers = 2 }: GroupOptions,
): Promise<Group | undefined> {
  const deployment = await deploy(t, plane, {
    rules: ourRole(lockName),
    oracle,
    durations: {
      K8S_AWAIT_ELECTION_LEASE_DURATION: String(durations.leaseSeconds),
      K8S_AWAIT_ELECTION_RENEW_DEADLINE: String(durations.renewSeconds),
      K8S_AWAIT_ELECTION_RETRY_PERIOD: String(durations.retrySeconds),
    },
  });
  const proxies = new Map<Replica, Proxy>();
  const start = async (isCut: boolean): Promise<Replica> => {
    const proxy = await openProxy(plane);
    deployment.onClose(async () => proxy.close());
    if (isCut) proxy.cut();
    const replica = await deployment.start({ KUBERNETES_SERVICE_PORT: String(proxy.port) });
    proxies.set(replica, proxy);
    return replica;
  };
  const replicas = await Promise.all(Array.from({ length: 1 + followers }, () => start(false)));
  const leader = await settled(deployment, replicas).catch(() => undefined);
  assert.deepEqual(overlapsMs(deployment.journal), [], "not even on a busy machine");
  if (leader === undefined) return undefined;
  await pause(Math.random() * 1000 * durations.retrySeconds);
  const group: Group = {
    deployment,
    replicas,
    leader,
    proxyOf: (replica) => proxies.get(replica)!,
    join: () => start(true),
  };
  return isWhole(group) ? group : undefined;
}

async function settled(deployment: Deployment, replicas: readonly Replica[]): Promise<Replica> {
  const leader = await deployment.untilStarts(1);
  const others = replicas.filter((replica) => replica !== leader);
  await Promise.all(others.map((other) => untilFollows(other, leader.identity)));
  await until("the daemon", () =>
    journalOf(deployment.journal).find(
      ({ role, what }) => role === "grandchild" && what === "beat",
    ),
  );
  await untilRenewals(deployment, 1);
  return leader;
}

/** Waits for so many renewals; each is a P after the one before. */
export async function untilRenewals({ operator }: Deployment, count: number): Promise<void> {
  const renewTime = async (): Promise<unknown> => (await operator.lease()).spec?.["renewTime"];
  for (let seen = 0; seen < count; seen += 1) {
    const before = await renewTime();
    await until("a renewal", async () => ((await renewTime()) === before ? undefined : true));
  }
}

/** All processes of these replicas: the entry points, and what they have started. */
export function processesOf(replicas: readonly Replica[]): number[] {
  return replicas.flatMap(({ mount }) =>
    processesWith(`K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR=${mount.folder}`),
  );
}

/** The lines of each term, in the order of the terms' first lines. */
export function termsOf({ journal }: Deployment): (readonly Entry[])[] {
  const entries = journalOf(journal);
  const tokens = [...new Set(entries.map(({ token }) => token))];
  return tokens.map((token) => entries.filter((entry) => entry.token === token));
}

/** Whether the first term goes on: on a busy machine it may be over before anything is done to it. */
export function isWhole({ deployment, replicas }: Group): boolean {
  return lossesOf(replicas) === 0 && termsOf(deployment).length === 1;
}

/** How many terms these replicas have lost, for whatever reason. */
export function lossesOf(replicas: readonly Replica[]): number {
  const lines = replicas.flatMap(({ bin }) => bin.log.all);
  return lines.filter((line) => line.includes("lost the lease")).length;
}

/** How the first command ended and the second began, after what was done at an instant. */
export function roundOf(deployment: Deployment, what: string, atMs: number): Round {
  const [first = [], second = []] = termsOf(deployment);
  return {
    overlapsMs: overlapsMs(deployment.journal),
    figures: {
      [`${what} to the last beat of the command`]: first.at(-1)!.atMs - atMs,
      [`${what} to the next command`]: second[0]!.atMs - atMs,
    },
  };
}
