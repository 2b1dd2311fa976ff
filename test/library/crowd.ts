/** A process with many electors, as a test sees it. */
import { fork } from "node:child_process";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "../cluster/until.ts";
import { endProcess } from "../support/processes.ts";

/** Beside an API server on the same two cores, 200 leaders that renew every 2 s would starve. */
export const crowdDurations: Readonly<
  Record<"leaseSeconds" | "renewDeadlineSeconds" | "retrySeconds", number>
> = { leaseSeconds: 60, renewDeadlineSeconds: 40, retrySeconds: 10 };

export interface CrowdOptions {
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly count: number;
  /** Of the API server, to know connections by. */
  readonly port: number;
}

export interface CrowdNews {
  readonly leading: number;
  /** How often it was told that another leads. */
  readonly following: number;
  readonly connections: number;
  /** Memory beyond a process that has loaded the library and client-node. */
  readonly addedMiB: number;
}

export interface Crowd {
  /** The news once they are as wanted. */
  until(what: string, isSo: (news: CrowdNews) => boolean): Promise<CrowdNews>;
  readonly last: () => CrowdNews | undefined;
  stop(): Promise<void>;
}

export function startCrowd(t: TestContext, options: CrowdOptions): Crowd {
  const file = fileURLToPath(new URL("./crowd-program.js", import.meta.url));
  const child = fork(file, [JSON.stringify(options)], { execArgv: ["--expose-gc"] });
  t.after(() => endProcess(child.exitCode === null ? child.pid : undefined));
  let last: CrowdNews | undefined;
  child.on("message", (news) => (last = news as CrowdNews));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    last: () => last,
    until: (what, isSo) =>
      until(what, () => (last !== undefined && isSo(last) ? last : undefined), 60_000),
    async stop() {
      child.send("stop");
      await ended;
    },
  };
}
