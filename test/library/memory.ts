/** What an elector costs a process, over one that has an HTTPS connection open anyway. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { serveApi } from "../../src/api-server/serve.ts";
import { ApiStore } from "../../src/api-server/store.ts";
import type { Certificates } from "../support/certificates.ts";

export interface Memory {
  readonly baseMiB: number;
  /** More than the base. */
  readonly followerMiB: number;
  /** With the thread that guards its deadline. */
  readonly leaderMiB: number;
}

const execute = promisify(execFile);
const rounds = 5;

/** The median of several processes each; the package is installed in the folder. */
export async function measureMemory(folder: string, certificates: Certificates): Promise<Memory> {
  const { caPem, certPem, keyPem } = certificates;
  const store = new ApiStore();
  const tls = { key: keyPem, cert: certPem };
  const api = await serveApi(store, { tls, isHttp2: true });
  try {
    writeFileSync(join(folder, "base.js"), base);
    writeFileSync(join(folder, "elector.js"), elector);
    const measure = async (file: string, ...words: string[]): Promise<number> => {
      const found: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const { stdout } = await execute(
          process.execPath,
          ["--expose-gc", file, api.url, caPem, ...words],
          { cwd: folder },
        );
        found.push(Number(stdout));
      }
      return found.toSorted((a, b) => a - b)[(rounds - 1) / 2]!;
    };
    const baseMiB = await measure("base.js");
    const leaderMiB = (await measure("elector.js", "leads", "leader")) - baseMiB;
    hold(store);
    const followerMiB = (await measure("elector.js", "follows", "follower")) - baseMiB;
    return { baseMiB, followerMiB, leaderMiB };
  } finally {
    await api.close();
  }
}

/** Somebody else leads. */
function hold(store: ApiStore): void {
  const time = "2026-01-01T00:00:00.000000Z";
  const spec = {
    holderIdentity: "x",
    leaseDurationSeconds: 3600,
    acquireTime: time,
    renewTime: time,
  };
  const metadata = { name: "follows" };
  const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
  const path = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
  store.handle({ method: "POST", path, body: JSON.stringify(lease) }, Date.now());
}

const measured = `
const settle = () => new Promise((resolve) => setTimeout(resolve, 300));
export async function tell() {
  await settle();
  globalThis.gc();
  await settle();
  globalThis.gc();
  console.log(process.memoryUsage().rss / 2 ** 20);
  process.exit();
}
`;

const base = `
import { Agent, get } from "node:https";
const [, , url, ca] = process.argv;
const agent = new Agent({ keepAlive: true });
get(url, { ca, agent }, (answer) => answer.resume().on("end", tell));
${measured.replace("export ", "")}
`;

const elector = `
import { LeaderElector } from "k8s-await-election";
const [, , url, ca, name, role] = process.argv;
const kubeConfig = {
  currentContext: "test",
  getCurrentCluster: () => ({ name: "test", server: url }),
  applyToHTTPSOptions: async (options) => void (options.ca = ca),
};
const elector = new LeaderElector({
  lease: { namespace: "default", name },
  kubeConfig,
  logger: {
    error: console.error,
    warn: console.error,
    info: (line) => role === "follower" && /^the leader is/.test(line) && tell(),
    debug() {},
  },
});
elector.campaign(async (term) => {
  await tell();
  await new Promise((resolve) => term.signal.addEventListener("abort", resolve));
});
${measured.replace("export ", "")}
`;
