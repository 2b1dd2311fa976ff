/** Many Leases with three replicas each, in as few processes as a contestant takes. */
import { setTimeout as pause } from "node:timers/promises";
import { Agent } from "node:https";
import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { type ControlPlane, startControlPlane } from "../../test/cluster/control-plane.ts";
import { originalRole } from "../../test/cluster/roles.ts";
import { mountServiceAccount } from "../../test/cluster/pod-files.ts";
import { until } from "../../test/cluster/until.ts";
import { type Bin, scratchFolder, startBare } from "../../test/hosts/bin.ts";
import { kubeconfigOf } from "../../test/interop/elector.ts";
import type { Place } from "../contestant.ts";
import { readMetrics } from "../server-metrics.ts";
import type { Round } from "../results.ts";
import type { Part, Scenario } from "../scenario.ts";
import { accountName } from "../stage.ts";
import { memoryOf, processorMs } from "../usage.ts";

/** As a Deployment has. */
const replicas = 3;

const windowMs = 10_000;

/** What so many electors may take until each Lease is led. */
const startLimitMs = 60_000;

/** client-go's elector is a process for each Lease and replica, so it grows as far as the memory of a small machine. */
const sizes = { library: [1, 10, 100, 300, 1000], "client-go": [1, 10, 30] } as const;

export const growth: readonly Scenario[] = sizes.library.map((size) => ({
  name: `${size} Leases`,
  about:
    `${size} ${size === 1 ? "Lease" : "Leases"} with ${replicas} replicas each: in the library all of a replica ` +
    "in one process, with client-go one process for each. On a control plane of their own, which writes no " +
    "audit log.",
  lane: "alone",
  rounds: { full: 1, quick: size === 10 ? 1 : 0 },
  takes: ({ kind, isSlow }) =>
    kind === "library" ||
    (kind === "client-go" && isSlow !== true && sizes["client-go"].some((it) => it === size)),
  play: (part) => playGrowth(part, size),
}));

/** What stands for a fleet: its processes, and how many Leases it leads. */
interface Fleet {
  readonly bins: readonly Bin[];
  leading(): number;
  lost(): number;
}

async function playGrowth(part: Part, size: number): Promise<Round> {
  const plane = await startControlPlane();
  part.scope.after(() => plane.close());
  const agent = new Agent({ keepAlive: true });
  part.scope.after(() => agent.destroy());
  const fleet = await startFleet(part, plane, size);
  const isLed = () => (fleet.leading() >= size ? true : undefined);
  const allLed = await until(`${size} leaders`, isLed, startLimitMs).catch(() => false);
  await pause(part.profile.retryMs);
  return measure(fleet, plane, { ...plane.access, agent }, { size, allLed });
}

async function measure(
  fleet: Fleet,
  plane: ControlPlane,
  access: Parameters<typeof readMetrics>[0],
  { size, allLed }: { readonly size: number; readonly allLed: boolean },
): Promise<Round> {
  const pids = fleet.bins.map(({ pid }) => pid);
  const spentMs = () => pids.reduce((sum, pid) => sum + processorMs(pid), 0);
  const { apiServer, etcd } = plane.processIds;
  const before = await readMetrics(access);
  const [ownBefore, apiBefore, etcdBefore] = [spentMs(), processorMs(apiServer), processorMs(etcd)];
  const lostBefore = fleet.lost();
  const fromMs = performance.now();
  await pause(windowMs);
  const tookMs = performance.now() - fromMs;
  const [own, api] = [spentMs() - ownBefore, processorMs(apiServer) - apiBefore];
  const ofEtcd = processorMs(etcd) - etcdBefore;
  const after = await readMetrics(access);
  const busy = (own + api + ofEtcd) / tookMs / availableParallelism();
  return {
    figures: {
      "Leases, count": [size],
      "requests a second, count": [(1000 * (after.requests - before.requests)) / tookMs],
      "watches, count": [after.watches],
      "API server's share of one processor, %": [(100 * api) / tookMs],
      "etcd's share of one processor, %": [(100 * ofEtcd) / tookMs],
      "electors' share of one processor, %": [(100 * own) / tookMs],
      "machine busy with it, %": [100 * busy],
      "PSS of all electors, B": [pids.reduce((sum, pid) => sum + memoryOf(pid).pssBytes, 0)],
      "led at the end, count": [fleet.leading()],
    },
    counts: {
      "not all led within a minute": Number(!allLed),
      "terms lost": fleet.lost() - lostBefore,
    },
  };
}

async function startFleet(part: Part, plane: ControlPlane, size: number): Promise<Fleet> {
  const { contestant, scope } = part;
  const folder = scratchFolder(scope);
  const namespace = await plane.namespace("growth");
  await plane.serviceAccount(namespace, accountName, originalRole);
  const token = await plane.token(namespace, accountName);
  const { caPem } = plane.access;
  const mount = await mountServiceAccount({ token, caPem, namespace });
  scope.after(() => mount.remove());
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, kubeconfigOf({ ...plane.access, token }));
  const placeOf = (identity: string, lock: string): Place => ({
    server: plane,
    kubeconfig,
    serviceAccount: mount.folder,
    namespace,
    lock,
    identity,
    profile: part.profile,
  });
  const identities = Array.from({ length: replicas }, (_, at) => `replica-${at}`);
  const launches = identities.flatMap(
    (identity) => contestant.launchMany?.(placeOf(identity, "lock"), size) ?? [],
  );
  if (launches.length > 0) {
    const bins = await Promise.all(launches.map((launch) => startBare(scope, launch)));
    const sum = (what: "leading" | "lost") =>
      bins.reduce((sum, { output }) => sum + (stateOf(output.all)[what] ?? 0), 0);
    return { bins, leading: () => sum("leading"), lost: () => sum("lost") };
  }
  const locks = Array.from({ length: size }, (_, at) => `lock-${at}`);
  const places = locks.flatMap((lock) => identities.map((identity) => placeOf(identity, lock)));
  const command = ["sh", "-c", "echo leading; exec sleep 3600"];
  const bins = await Promise.all(
    places.map((place) => startBare(scope, contestant.launch(place, command))),
  );
  const started = () => bins.filter(({ output }) => output.all.includes("leading"));
  const lost = () => started().filter((bin) => bin.hasEnded()).length;
  return { bins, leading: () => started().length - lost(), lost };
}

function stateOf(lines: readonly string[]): Readonly<Record<string, number>> {
  return JSON.parse(lines.at(-1) ?? "{}") as Record<string, number>;
}
