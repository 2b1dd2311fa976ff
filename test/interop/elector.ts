/** client-go-elector as a party of a shared Lease: its process, and its events as they come. */

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { until } from "../cluster/until.ts";
import type { ApiAccess } from "../support/api-client.ts";

export interface ElectorOptions {
  readonly access: ApiAccess;
  readonly namespace: string;
  readonly lock: string;
  readonly identity: string;
  /** Durations and switches as the program takes them, such as `-lease-duration=3s`. */
  readonly flags?: readonly string[];
  /** What runs while it leads; something that does not end by itself where none is given. */
  readonly command?: readonly string[];
}

/** One line of its stderr; the clocks are those that every process of the machine shares. */
export interface ElectorEvent {
  readonly event:
    | "candidate"
    | "observed-leader"
    | "leading"
    | "stopped"
    | "released"
    | "exit"
    | "log";
  readonly identity: string;
  readonly wall: string;
  readonly mono_ns: number;
  readonly boot_ns: number;
  readonly leader?: string;
  readonly message?: string;
  readonly ok?: boolean;
  readonly error?: string;
  readonly code?: number;
}

export interface RunningElector {
  readonly pid: number;
  /** All so far, in order. */
  readonly events: readonly ElectorEvent[];
  /** The first of that name, once there is one. */
  untilEvent(name: ElectorEvent["event"], limitMs?: number): Promise<ElectorEvent>;
  signal(signal: NodeJS.Signals): void;
  /** Kills the elector with its command, where they still run. */
  close(): Promise<void>;
}

export async function startElector(
  program: string,
  { access, namespace, lock, identity, flags = [], command }: ElectorOptions,
): Promise<RunningElector> {
  const folder = await mkdtemp(join(tmpdir(), "client-go-elector-"));
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, kubeconfigOf(access), { mode: 0o600 });
  const names = [`-namespace=${namespace}`, `-lock=${lock}`, `-identity=${identity}`];
  const elector = [program, `-kubeconfig=${kubeconfig}`, ...names, ...flags, "--"];
  const child = spawn(
    "setpriv",
    ["--pdeathsig", "KILL", "--", ...elector, ...(command ?? ["sleep", "600"])],
    // A process group of its own, so that close() finds the command too.
    { detached: true, stdio: ["ignore", "inherit", "pipe"] },
  );
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const events: ElectorEvent[] = [];
  createInterface(child.stderr).on("line", (line) => events.push(parseEvent(line, identity)));
  return {
    pid: child.pid ?? 0,
    events,
    untilEvent: (name, limitMs) =>
      until(`"${name}" of ${identity}`, () => events.find(({ event }) => event === name), limitMs),
    signal: (signal) => void child.kill(signal),
    async close() {
      killGroup(child.pid);
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A kubeconfig is YAML, of which JSON is a part. */
export function kubeconfigOf(access: ApiAccess): string {
  const cluster = {
    server: access.url,
    "certificate-authority-data": Buffer.from(access.caPem).toString("base64"),
  };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster }],
    users: [{ name: "test", user: { token: access.token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    "current-context": "test",
  });
}

/** What is no event is a complaint of the program or of its command: kept, as a log line. */
function parseEvent(line: string, identity: string): ElectorEvent {
  if (line.startsWith('{"')) return JSON.parse(line) as ElectorEvent;
  return { event: "log", identity, wall: "", mono_ns: 0, boot_ns: 0, message: line };
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
