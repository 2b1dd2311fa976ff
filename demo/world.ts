/** The world of the demo: an API server, replicas, and the journal that their commands write. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Cluster, lockName } from "./cluster.ts";
import type { Interval, Lives } from "./journal.ts";
import { type JournalFile, openJournal } from "./journal-file.ts";
import { isRunning } from "./processes.ts";
import { openProxy } from "../test/support/proxy.ts";
import { Replica } from "./replica.ts";

export interface WorldOptions {
  readonly cluster: Cluster;
  /** The words of the entry point; what they run follows them. */
  readonly entryPoint: readonly string[];
  /** A replica cannot be started at all. */
  readonly onBroken: (error: Error) => void;
}

/** The election's durations, the least that `src/core/timing.ts` takes with whole retries. */
export const durations = { leaseSeconds: 5, renewDeadlineSeconds: 3, retrySeconds: 1 } as const;

const programs = {
  worker: fileURLToPath(new URL("./worker.js", import.meta.url)),
  sweeper: fileURLToPath(new URL("./sweeper.js", import.meta.url)),
};

/** Starts with no replica. */
export class World {
  readonly cluster: Cluster;
  readonly #options: WorldOptions;
  readonly #run = randomUUID();
  readonly #folder = mkdtempSync(join(tmpdir(), "k8s-await-election-demo-"));
  readonly #sweep: () => Promise<void>;
  readonly #journal: JournalFile;
  #replicas: readonly Replica[] = [];
  #names = 0;

  constructor(options: WorldOptions) {
    this.cluster = options.cluster;
    this.#options = options;
    this.#sweep = startSweeper(this.#run, this.#folder);
    this.#journal = openJournal(this.#path("journal"));
    mkdirSync(this.#path("account"));
    writeFileSync(this.#path("account/token"), this.cluster.account.token, { mode: 0o600 });
    writeFileSync(this.#path("account/ca.crt"), this.cluster.account.caPem);
  }

  get replicas(): readonly Replica[] {
    return this.#replicas;
  }

  async add(): Promise<Replica> {
    this.#names += 1;
    const name = `demo-${this.#names}`;
    const { cluster, entryPoint, onBroken } = this.#options;
    const proxy = await openProxy(cluster);
    const replica = new Replica({
      name,
      words: [...entryPoint, process.execPath, programs.worker, this.#path("journal"), name],
      environment: this.#environmentOf(name, proxy.port),
      run: this.#run,
      logFile: this.#path(`${name}.log`),
      proxy,
      onBroken,
    });
    this.#replicas = [...this.#replicas, replica];
    return replica;
  }

  remove(replica: Replica): void {
    replica.remove();
    this.#replicas = this.#replicas.filter((it) => it !== replica);
  }

  /** What the commands have written so far. */
  lives(): Lives {
    return this.#journal.read();
  }

  /** The commands that are there now, frozen ones too, the newest last. */
  running(): readonly Interval[] {
    return this.lives()
      .unstopped()
      .filter(({ pid }) => isRunning(pid));
  }

  /** The last lines that a replica logged. */
  logOf({ name }: Replica, lines: number = 5): readonly string[] {
    return readFileSync(this.#path(`${name}.log`), "utf8")
      .trimEnd()
      .split("\n")
      .slice(-lines);
  }

  /** Ends everything at once, and leaves nothing behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const replica of this.#replicas) this.remove(replica);
    await this.#sweep();
    this.#journal.close();
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  /** What a pod of a Deployment gets, and beside it nothing of an election around the demo. */
  #environmentOf(name: string, port: number): Readonly<Record<string, string | undefined>> {
    const inherited = Object.entries(process.env).filter(
      ([key]) => !key.startsWith("K8S_AWAIT_ELECTION_"),
    );
    return {
      ...Object.fromEntries(inherited),
      KUBERNETES_SERVICE_HOST: this.cluster.host,
      KUBERNETES_SERVICE_PORT: String(port),
      K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR: this.#path("account"),
      K8S_AWAIT_ELECTION_ENABLED: "1",
      K8S_AWAIT_ELECTION_NAME: "demo",
      K8S_AWAIT_ELECTION_LOCK_NAME: lockName,
      K8S_AWAIT_ELECTION_LOCK_NAMESPACE: this.cluster.namespace,
      K8S_AWAIT_ELECTION_IDENTITY: name,
      K8S_AWAIT_ELECTION_LEASE_DURATION: String(durations.leaseSeconds),
      K8S_AWAIT_ELECTION_RENEW_DEADLINE: String(durations.renewDeadlineSeconds),
      K8S_AWAIT_ELECTION_RETRY_PERIOD: String(durations.retrySeconds),
    };
  }
}

/** Returns the closing. The sweeper acts also where this process is killed and closes nothing. */
function startSweeper(run: string, folder: string): () => Promise<void> {
  const sweeper = spawn(process.execPath, [programs.sweeper, `${run}/`, folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = new Promise<void>((resolve, reject) => {
    sweeper.once("exit", () => resolve());
    sweeper.once("error", reject);
  });
  // A demo that fails does not wait for it: its failure is what the sweeper waits for.
  sweeper.unref();
  return async () => {
    sweeper.ref();
    sweeper.stdin.end();
    await ended;
  };
}
