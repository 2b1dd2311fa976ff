/** A process with an elector of the library, as a test sees it. */
import { type ChildProcess, fork } from "node:child_process";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { ElectionDurations, LeaseName } from "../../src/library/index.ts";
import type { ApiAccess } from "../support/api-client.ts";
import { endProcess } from "../support/processes.ts";
import { until } from "../cluster/until.ts";

export interface MemberOptions {
  readonly kubeconfig: string;
  readonly lease: LeaseName;
  readonly identity: string;
  readonly durations?: ElectionDurations;
  readonly journal?: string;
  readonly onOverrun?: "exit" | "warn";
  readonly rejoin?: boolean;
  /** `deaf` does not stop when it is asked to. */
  readonly temper?: "deaf";
}

export type MemberOrder =
  | { readonly type: "resign" | "stop" }
  | { readonly type: "block"; readonly ms: number };

export interface MemberEvent {
  readonly event: "ready" | "start" | "abort" | "end" | "done" | "log";
  /** On the suspend-counting clock. */
  readonly atMs: number;
  readonly token?: string;
  readonly text?: string;
}

export interface Member {
  readonly child: ChildProcess;
  readonly identity: string;
  readonly events: readonly MemberEvent[];
  readonly stderr: () => string;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  order(order: MemberOrder): void;
  /** The event of this name with this number, counted from 1, once it has come. */
  event(name: MemberEvent["event"], count?: number, limitMs?: number): Promise<MemberEvent>;
  count(name: MemberEvent["event"]): number;
  untilLog(text: RegExp): Promise<MemberEvent>;
}

export function startMember(t: TestContext, options: MemberOptions): Member {
  const file = fileURLToPath(new URL("./member-program.js", import.meta.url));
  const child = fork(file, [JSON.stringify(options)], {
    stdio: ["ignore", "inherit", "pipe", "ipc"],
    execArgv: [],
  });
  t.after(() => endProcess(child.exitCode === null ? child.pid : undefined));
  const events: MemberEvent[] = [];
  let stderr = "";
  child.on("message", (event) => events.push(event as MemberEvent));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  const found = (name: string) => events.filter(({ event }) => event === name);
  const { identity } = options;
  return {
    child,
    identity,
    events,
    ended,
    stderr: () => stderr,
    order: (order) => void child.send(order),
    event: (name, count = 1, limitMs = 30_000) =>
      until(`"${name}" ${count} of ${identity}`, () => found(name)[count - 1], limitMs),
    count: (name) => found(name).length,
    untilLog: (text) =>
      until(`${text} in the log of ${identity}`, () =>
        found("log").find((it) => text.test(it.text ?? "")),
      ),
  };
}

/** A kubeconfig is YAML, of which JSON is a part. */
export function kubeconfigOf(access: ApiAccess, user: object = { token: access.token }): string {
  const cluster = {
    server: access.url,
    "certificate-authority-data": Buffer.from(access.caPem).toString("base64"),
  };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster }],
    users: [{ name: "test", user }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    "current-context": "test",
  });
}
