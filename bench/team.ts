/**
 * The replicas of one contestant on one Lease, in front of one oracle: they are started, disturbed, and
 * what became of their commands is read from the oracle's journal and from what the commands print.
 */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { mountServiceAccount } from "../test/cluster/pod-files.ts";
import type { PodReference } from "../test/cluster/objects.ts";
import { until } from "../test/cluster/until.ts";
import { nowMs } from "../test/faults/series-group.ts";
import { type Bin, scratchFolder, type Scope, startBare } from "../test/hosts/bin.ts";
import { type OracleOptions, oracleWords } from "../test/hosts/oracle.ts";
import { kubeconfigOf } from "../test/interop/elector.ts";
import { callApi } from "../test/support/api-client.ts";
import { endProcess } from "../test/support/processes.ts";
import { openProxy, type Proxy, type Target } from "../test/support/proxy.ts";
import { writeFile } from "node:fs/promises";
import type { Contestant, Place } from "./contestant.ts";
import { type LeaseView, viewLease } from "./lease-view.ts";
import type { Profile } from "./profile.ts";
import { atOnce, type Turn } from "./scenario.ts";
import { accountName, type Room, type Stage } from "./stage.ts";

export interface TeamOptions {
  readonly contestant: Contestant;
  readonly profile: Profile;
  /** Of the oracle; it heeds SIGTERM at once and has no daemon unless told. */
  readonly oracle?: Omit<OracleOptions, "journal">;
  /** Another command in place of the oracle. */
  readonly command?: readonly string[];
  /** Each replica has a pod of its own, by which the audit log tells them apart. */
  readonly hasPods?: boolean;
  /** A namespace that no other team has. */
  readonly isApart?: boolean;
  readonly turn?: Turn;
  /** The way to the API server that all replicas share. */
  readonly server?: Target;
}

export interface StartOptions {
  readonly isProxied?: boolean;
  /** It is not waited for its first word. */
  readonly isSilent?: boolean;
}

/** A command that a replica has started. */
export interface Run {
  /** When the harness read the first line of its output. */
  readonly atMs: number;
  readonly pid: number;
  readonly member: Member;
}

export interface Member {
  readonly identity: string;
  readonly bin: Bin;
  /** Before the process was made. */
  readonly startedAtMs: number;
  /** Its own way to the API server, where there is something to disturb. */
  readonly proxy: Proxy | undefined;
  /** When the process was seen to have ended; undefined while it runs. */
  readonly endedAtMs: () => number | undefined;
}

/** A round that came to nothing because the machine was too busy for what it is about. */
export class Void extends Error {}

/** The first line of every command; what prints it is a shell that becomes the command. */
export function announced(command: readonly string[]): readonly string[] {
  return ["sh", "-c", 'echo "running $$"; exec "$@"', "sh", ...command];
}

/** When its process was seen to have ended. */
export function untilEnded({ identity, endedAtMs }: Member): Promise<number> {
  return until(`the end of ${identity}`, endedAtMs);
}

let serial = 0;

export class Team {
  readonly journal: string;
  readonly members: Member[] = [];
  /** In the order in which they began. */
  readonly runs: Run[] = [];
  readonly view: LeaseView;
  readonly room: Room;
  readonly lock: string;
  readonly #scope: Scope;
  readonly #stage: Stage;
  readonly #options: TeamOptions;
  readonly #folder: string;

  private constructor(scope: Scope, stage: Stage, options: TeamOptions, room: Room) {
    this.#scope = scope;
    this.#stage = stage;
    this.#options = options;
    this.#folder = scratchFolder(scope);
    this.room = room;
    this.lock = stage.newLock();
    this.journal = join(this.#folder, "journal");
    this.view = viewLease(stage.access, room.namespace, this.lock);
    scope.after(() => this.view.close());
  }

  static async open(scope: Scope, stage: Stage, options: TeamOptions): Promise<Team> {
    serial += 1;
    const key = options.isApart === true ? `team ${serial}` : options.contestant.name;
    return new Team(scope, stage, options, await stage.room(key));
  }

  get leasePath(): string {
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${this.room.namespace}/leases`;
    return `${leases}/${this.lock}`;
  }

  /** Starts one more replica, behind a proxy of its own where there is something to disturb. */
  async start(options: StartOptions = {}): Promise<Member> {
    const [member] = await this.startSeveral(1, options);
    if (member === undefined) throw new Error("Cannot start a replica.");
    return member;
  }

  /** In one turn, which is over once each has said something: that is most of what a start costs. */
  startSeveral(count: number, options: StartOptions = {}): Promise<readonly Member[]> {
    const { turn = atOnce } = this.#options;
    return turn(async () => {
      const all = Array.from({ length: count }, () => this.#start(options));
      const members = await Promise.all(all);
      if (options.isSilent === true) return members;
      await this.untilTold(members, /./);
      return members;
    });
  }

  async #start({ isProxied = false }: StartOptions): Promise<Member> {
    const { contestant, profile, server = this.#stage.plane, oracle } = this.#options;
    serial += 1;
    const identity = `replica-${serial}`;
    const token = await this.#token(identity);
    const { caPem, url } = this.#stage.plane.access;
    const proxy = isProxied ? await openProxy(server) : undefined;
    this.#scope.after(() => proxy?.close());
    const { host, port } = proxy ?? server;
    const { namespace } = this.room;
    const mount = await mountServiceAccount({ token, caPem, namespace });
    this.#scope.after(() => mount.remove());
    const kubeconfig = join(this.#folder, `${identity}.json`);
    const ownUrl = Object.assign(new URL(url), { port: String(port) }).origin;
    await writeFile(kubeconfig, kubeconfigOf({ url: ownUrl, caPem, token }));
    const place: Place = {
      server: { host, port },
      kubeconfig,
      serviceAccount: mount.folder,
      namespace,
      lock: this.lock,
      identity,
      profile,
    };
    const { journal } = this;
    const command = this.#options.command ?? oracleWords({ journal, measured: true, ...oracle });
    const launch = contestant.launch(place, announced(command));
    const startedAtMs = nowMs();
    const bin = await startBare(this.#scope, launch);
    return this.#follow({ identity, bin, proxy, startedAtMs });
  }

  /** Starts them and waits until one leads, has renewed, and the others know it; the fault comes in any part of P. */
  async startSettled(count: number, options: StartOptions = {}): Promise<Member> {
    await this.startSeveral(count, options);
    const { member } = await this.untilRuns(1);
    try {
      await this.untilFollowed(member);
      await this.view.untilRenewed(1);
      await pause(Math.random() * this.#options.profile.retryMs);
    } finally {
      // Of a leader that is gone already, nobody may ever have heard.
      this.assertWhole();
    }
    return member;
  }

  /** @throws Void where the first term is over before anything was done to it. */
  assertWhole(): void {
    const [first] = this.runs;
    if (this.runs.length === 1 && first?.member.bin.hasEnded() === false) return;
    throw new Void("the first term was over before its time");
  }

  /** The newest command, once so many have begun. */
  async untilRuns(count: number, limitMs: number = this.slackMs): Promise<Run> {
    const find = () => (this.runs.length >= count ? this.runs[count - 1] : undefined);
    try {
      return await until(`command ${count}`, find, limitMs);
    } catch (error) {
      throw new Error(`${String(error)}\n${this.logs()}`, { cause: error });
    }
  }

  /** What the next command may take, however it comes about. */
  get slackMs(): number {
    return 2 * this.#options.profile.leaseMs + 25_000;
  }

  async untilFollowed(leader: Member): Promise<void> {
    const { contestant } = this.#options;
    const others = this.living.filter((member) => member !== leader);
    await this.untilTold(others, contestant.follows(leader.identity));
  }

  /**
   * Waits until each of these has a line like this in its log, or has ended. One look for all of them: a
   * hundred would keep this process busy.
   */
  async untilTold(members: readonly Member[], pattern: RegExp): Promise<void> {
    const hasTold = ({ bin }: Member) =>
      bin.hasEnded() || bin.log.all.some((line) => pattern.test(line));
    const find = () => (members.every(hasTold) ? true : undefined);
    try {
      await until(`a line ${pattern} of each`, find, this.slackMs);
    } catch (error) {
      throw new Error(`${String(error)}\n${this.logs()}`, { cause: error });
    }
  }

  get living(): readonly Member[] {
    return this.members.filter(({ bin }) => !bin.hasEnded());
  }

  /** Ends the replica and its command as a machine does that loses its power. */
  crash(member: Member): void {
    for (const pid of this.processesOf(member)) endProcess(pid);
  }

  /** The elector first, so that it cannot tell anybody of its command's end. */
  processesOf(member: Member): number[] {
    const run = this.runs.findLast((run) => run.member === member);
    return [member.bin.pid, ...(run === undefined ? [] : [run.pid])];
  }

  /** @throws for a replica that was started without one. */
  proxyOf({ identity, proxy }: Member): Proxy {
    if (proxy !== undefined) return proxy;
    throw new Error(`Cannot disturb ${identity}: it has no proxy.`);
  }

  async deleteLease(): Promise<void> {
    await callApi(this.#stage.access, "DELETE", this.leasePath);
  }

  logs(): string {
    const all = this.members.map(({ identity, bin }) => `${identity}:\n${bin.log.text}`);
    return all.join("\n").slice(-4000);
  }

  async #token(identity: string): Promise<string> {
    if (this.#options.hasPods !== true) return this.room.token;
    const { plane } = this.#stage;
    const pod: PodReference = await plane.pod(this.room.namespace, identity, accountName);
    return plane.token(this.room.namespace, accountName, { pod });
  }

  #follow(parts: Omit<Member, "endedAtMs">): Member {
    let endedAtMs: number | undefined;
    const member: Member = { ...parts, endedAtMs: () => endedAtMs };
    const { child } = member.bin;
    child.once("exit", () => {
      endedAtMs = nowMs();
    });
    child.stdout?.on("data", (text: string) => {
      const atMs = nowMs();
      for (const [, pid] of text.matchAll(/^running (\d+)$/gm)) {
        this.runs.push({ atMs, pid: Number(pid), member });
      }
    });
    this.members.push(member);
    return member;
  }
}
