/**
 * Replicas of one Deployment: the built entry point in real processes, each in a pod of its own as
 * the control plane knows pods, in front of the oracle command.
 *
 * There is no kubelet: a pod is an object, a token bound to it, its files, and a process here.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir, uptime } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Bin, startBin } from "../hosts/bin.ts";
import { processesWith } from "../hosts/observer.ts";
import { journalOf, type OracleOptions, oracleWords, starts } from "../hosts/oracle.ts";
import type { ApiObject } from "../support/api-client.ts";
import { endProcess } from "../support/processes.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { PodReference } from "./objects.ts";
import { type Operator, operatorOf } from "./operator.ts";
import { clusterEnvironment, mountServiceAccount, type ServiceAccountMount } from "./pod-files.ts";
import type { PolicyRule } from "./roles.ts";
import { until } from "./until.ts";

export interface DeploymentOptions {
  readonly rules: readonly PolicyRule[];
  /** The durations of every replica; `quick` unless told. */
  readonly durations?: Readonly<Record<string, string>>;
  readonly oracle?: Omit<OracleOptions, "journal">;
  /** Another command instead of the oracle. */
  readonly argv?: readonly string[];
}

export interface Replica {
  /** The name of its pod, as in a manifest with `fieldPath: metadata.name`. */
  readonly identity: string;
  readonly pod: PodReference;
  readonly mount: ServiceAccountMount;
  readonly bin: Bin;
  /** Kills it and all that it started, as a machine does that loses its power. */
  crash(): Promise<void>;
}

/** Of the Lease, of the ServiceAccount and of its Role, in every namespace. */
export const lockName = "lock";
export const accountName = "app";

/** Small enough for tests, and still safe by the rules of `timing.ts`: H = 3.2 s, E = 4.2 s. */
export const quick: Readonly<Record<"leaseMs" | "endMs" | "killMs" | "retryMs", number>> = {
  leaseMs: 5000,
  endMs: 4201,
  killMs: 3201,
  retryMs: 1000,
};
const quickDurations = {
  K8S_AWAIT_ELECTION_LEASE_DURATION: "5",
  K8S_AWAIT_ELECTION_RENEW_DEADLINE: "3",
  K8S_AWAIT_ELECTION_RETRY_PERIOD: "1",
};

/** The suspend-counting clock as the oracle reads it, to 10 ms. */
export function bootMs(): number {
  return uptime() * 1000;
}

/** Makes a namespace with the ServiceAccount and its Role, and nothing that runs yet. */
export async function deploy(
  t: TestContext,
  plane: ControlPlane,
  options: DeploymentOptions,
): Promise<Deployment> {
  const namespace = await plane.namespace("election");
  await plane.serviceAccount(namespace, accountName, options.rules);
  const folder = await mkdtemp(join(tmpdir(), "election-"));
  const deployment = new Deployment(t, plane, namespace, join(folder, "journal"), options);
  t.after(async () => {
    await deployment.close();
    await rm(folder, { recursive: true, force: true });
  });
  return deployment;
}

export class Deployment {
  readonly namespace: string;
  readonly operator: Operator;
  /** The oracle's, of all replicas. */
  readonly journal: string;
  readonly replicas: Replica[] = [];
  readonly #t: TestContext;
  readonly #plane: ControlPlane;
  readonly #options: DeploymentOptions;
  readonly #closings: (() => Promise<void>)[] = [];
  #pods = 0;

  constructor(
    t: TestContext,
    plane: ControlPlane,
    namespace: string,
    journal: string,
    options: DeploymentOptions,
  ) {
    this.namespace = namespace;
    this.operator = operatorOf(plane.access, namespace, lockName);
    this.journal = journal;
    this.#t = t;
    this.#plane = plane;
    this.#options = options;
  }

  /** Starts one more replica in a new pod, with these variables beside or instead of the usual. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<Replica> {
    this.#pods += 1;
    const pod = await this.makePod(`${accountName}-${this.#pods}`);
    const token = await this.token(pod);
    const { caPem } = this.#plane.access;
    const mount = await mountServiceAccount({ token, caPem, namespace: this.namespace });
    this.onClose(() => mount.remove());
    const bin = await startBin(this.#t, {
      argv: [
        ...(this.#options.argv ?? oracleWords({ journal: this.journal, ...this.#options.oracle })),
      ],
      env: { ...this.#environment(mount, pod.name), ...env },
    });
    const crash = () => crashProcesses(bin, mount);
    const replica = { identity: pod.name, pod, mount, bin, crash };
    this.replicas.push(replica);
    return replica;
  }

  /** Starts several and gives the one that leads, once the others know that it does. */
  async startLed(count: number): Promise<Replica> {
    const started = await Promise.all(Array.from({ length: count }, () => this.start()));
    const leader = await this.untilStarts(1);
    const followers = started.filter((replica) => replica !== leader);
    await Promise.all(followers.map((follower) => untilFollows(follower, leader.identity)));
    return leader;
  }

  /** The replica whose command started last, once so many commands of replicas have started. */
  async untilStarts(count: number, limitMs?: number): Promise<Replica> {
    try {
      return await until(`start ${count} of the command`, () => this.#newest(count), limitMs);
    } catch (error) {
      throw new Error(`${String(error)}\n${this.logs()}`, { cause: error });
    }
  }

  /** Under the name of one that was deleted it is another pod. */
  makePod(name: string): Promise<PodReference> {
    return this.#plane.pod(this.namespace, name, accountName);
  }

  token(pod?: PodReference): Promise<string> {
    return this.#plane.token(this.namespace, accountName, pod === undefined ? {} : { pod });
  }

  /** Has something closed with the replicas, before the journal goes. */
  onClose(closing: () => Promise<void>): void {
    this.#closings.push(closing);
  }

  logs(): string {
    return this.replicas.map(({ identity, bin }) => `${identity}:\n${bin.log.text}`).join("\n");
  }

  async close(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.crash()));
    await Promise.all(this.#closings.map((closing) => closing()));
  }

  #environment(mount: ServiceAccountMount, identity: string): Record<string, string> {
    return {
      ...clusterEnvironment(this.#plane, mount),
      K8S_AWAIT_ELECTION_ENABLED: "1",
      K8S_AWAIT_ELECTION_NAME: "test",
      K8S_AWAIT_ELECTION_LOCK_NAME: lockName,
      K8S_AWAIT_ELECTION_LOCK_NAMESPACE: this.namespace,
      K8S_AWAIT_ELECTION_IDENTITY: identity,
      ...(this.#options.durations ?? quickDurations),
    };
  }

  #newest(count: number): Replica | undefined {
    const lines = this.replicas.flatMap(({ bin }) => bin.output.all);
    if (lines.filter((line) => /^command \d+ runs$/.test(line)).length < count) return undefined;
    const newest = `command ${starts(this.journal).at(-1)?.pid} runs`;
    return this.replicas.find(({ bin }) => bin.output.all.includes(newest));
  }
}

/** Waits until a replica knows who leads, and so has seen that very record. */
export async function untilFollows(follower: Replica, leader: string): Promise<void> {
  await follower.bin.log.first(new RegExp(`the leader is "${leader}"`));
}

/** Wall time of the line in which a replica tells this about its command, such as `runs`. */
export function toldAtMs({ bin, identity }: Replica, what: string): number {
  const line = bin.log.all.findLast((it) => it.includes(`the command ${what}`));
  if (line === undefined) throw new Error(`${identity} never told that the command ${what}`);
  return Date.parse(line.split(" ")[0] ?? "");
}

/** From the last sign of life of each term to the start of the next command. */
export function gapsMs(journal: string): readonly number[] {
  const entries = journalOf(journal);
  return entries.flatMap(({ what, role, atMs }, at) => {
    const before = entries[at - 1];
    return what === "start" && role === "command" && before ? [atMs - before.atMs] : [];
  });
}

/** When the present record was written by its own account: wall time, and the machine is one. */
export function renewedAtMs(lease: ApiObject): number {
  return Date.parse(String(lease.spec?.["renewTime"]));
}

/** Wall time as the oracle would have read its clock then. */
export function asBootMs(wallMs: number): number {
  return wallMs - (Date.now() - bootMs());
}

/** The entry point first, so that it can neither say nor release anything any more. */
async function crashProcesses(bin: Bin, mount: ServiceAccountMount): Promise<void> {
  if (!bin.hasEnded()) endProcess(bin.pid);
  const own = `K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR=${mount.folder}`;
  await until("the end of a replica", () => {
    const pids = processesWith(own);
    for (const pid of pids) endProcess(pid);
    return pids.length === 0 ? true : undefined;
  });
  await bin.ended;
}
