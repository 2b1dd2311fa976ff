/** This process as an elector's host: real time, real connections, and a thread that can kill it. */
import { writeSync } from "node:fs";
import { broken } from "../core/exit.ts";
import { openAccess } from "../node/api/access.ts";
import type { KubeConfigLike } from "../node/api/kubeconfig.ts";
import type { Access } from "../node/api/server.ts";
import { keepSecrets, type Secretive } from "../node/api/secrets.ts";
import { ApiError } from "./errors.ts";
import { createGuard } from "./guard.ts";
import type { Host, Time } from "./host.ts";
import { createTime } from "./time.ts";
import { createTransport, type Transport } from "./transport/transport.ts";

export type { ClusterLike, KubeConfigLike } from "../node/api/kubeconfig.ts";

/** Electors with the same credentials share their connections. */
const hosts = new WeakMap<object, Host>();
const inCluster = {};
let time: Time | undefined;

/** The host for this configuration, or for the pod's own where there is none. */
export function realHost(kubeConfig?: KubeConfigLike): Host {
  const key = kubeConfig ?? inCluster;
  const known = hosts.get(key);
  if (known !== undefined) return known;
  const host = createHost(kubeConfig);
  hosts.set(key, host);
  return host;
}

function createHost(kubeConfig: KubeConfigLike | undefined): Host {
  time ??= createTime();
  let opening: Promise<Secretive> | undefined;
  let secretive: Secretive | undefined;

  function open(): Promise<Secretive> {
    opening ??= openBy(kubeConfig).then((access) => {
      secretive = keepSecrets(access);
      return secretive;
    });
    return opening;
  }

  const transport: Transport = createTransport({
    server: async () => (await open()).access.server(),
    refused: () => secretive?.access.refused(),
  });
  return {
    time,
    async check() {
      const { access } = await open();
      if (access.problem === undefined) return;
      // What is wrong may be right at the next try.
      opening = undefined;
      throw new ApiError(access.problem);
    },
    openLink: (report) => ({
      ...transport.open(report),
      secrets: () => secretive?.secrets() ?? [],
    }),
    createGuard,
    exit(message) {
      say(`${message}: ending the process`);
      process.exit(broken);
    },
  };
}

async function openBy(kubeConfig: KubeConfigLike | undefined): Promise<Access> {
  if (kubeConfig === undefined) return openAccess(process.env);
  const { openConfigAccess } = await import("../node/api/kubeconfig.ts");
  return openConfigAccess(kubeConfig);
}

/** Where nobody reads and the write waits, the thread that guards the deadline ends the process. */
function say(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // Nobody can hear it.
  }
}
