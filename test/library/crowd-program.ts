/** A process with many electors, a Lease each, which tells what it costs. */
import { setMaxListeners } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { KubeConfig } from "@kubernetes/client-node";
import { LeaderElector } from "../../src/library/index.ts";
import { crowdDurations, type CrowdNews, type CrowdOptions } from "./crowd.ts";

const { kubeconfig, namespace, count, port } = JSON.parse(process.argv[2] ?? "") as CrowdOptions;
const kubeConfig = new KubeConfig();
kubeConfig.loadFromString(kubeconfig);
const before = rssMiB();
const stop = new AbortController();
// Every elector listens to it.
setMaxListeners(0, stop.signal);
let leading = 0;
let told = 0;

const electors = Array.from({ length: count }, (_, index) => {
  const lease = { namespace, name: `crowd-${index}` };
  return new LeaderElector({
    lease,
    kubeConfig,
    durations: crowdDurations,
    logger: {
      error() {},
      warn() {},
      info: (line) => {
        if (line.startsWith("the leader is")) told += 1;
      },
      debug() {},
    },
  });
});
const campaigns = electors.map((elector) =>
  elector
    .campaign(
      (term) => {
        leading += 1;
        return new Promise((resolve) => term.signal.addEventListener("abort", resolve));
      },
      { signal: stop.signal },
    )
    .catch(() => {}),
);

process.on("message", () => stop.abort());
const news = setInterval(() => {
  process.send?.({
    leading,
    following: told,
    connections: connectionsTo(port),
    addedMiB: rssMiB() - before,
  } satisfies CrowdNews);
}, 250);
await Promise.all(campaigns);
clearInterval(news);
process.disconnect();

function rssMiB(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 2 ** 20;
}

/** Established ones of this process. */
function connectionsTo(port: number): number {
  const own = new Set(socketInodes());
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const lines = readFileSync("/proc/self/net/tcp", "latin1").split("\n").slice(1);
  return lines.filter((line) => {
    const [, , remote = "", state, , , , , , inode = ""] = line.trim().split(/\s+/);
    return remote.endsWith(`:${wanted}`) && state === "01" && own.has(inode);
  }).length;
}

function socketInodes(): string[] {
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}
