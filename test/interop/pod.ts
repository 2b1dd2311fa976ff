/**
 * A pod with a host name and, unless told otherwise, a network of its own; and its one container,
 * as often as it is restarted there.
 *
 * What holds the namespaces, as a pod's pause container does, is `pod-carrier.ts`: it listens where
 * the API server would be, and its connections leave the namespace by a Unix socket, which is a file.
 */
import { spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { ControlPlane } from "../cluster/control-plane.ts";
import { clusterEnvironment, mountServiceAccount } from "../cluster/pod-files.ts";
import { type Deployment, lockName } from "../cluster/replicas.ts";
import { type Bin, Lines, scratchFolder, startBin } from "../hosts/bin.ts";
import { oracleWords } from "../hosts/oracle.ts";
import { endProcess } from "../support/processes.ts";

export interface PodOptions {
  readonly name: string;
  /** The pod shares the network of the machine. */
  readonly hostNetwork?: boolean;
}

export interface Pod {
  /** Starts the container: the entry point is PID 1, and whatever it starts ends with it. */
  startContainer(): Promise<Bin>;
}

const unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

/** Makes the pod; it ends with the deployment. */
export async function startPod(
  t: TestContext,
  plane: ControlPlane,
  deployment: Deployment,
  { name, hostNetwork = false }: PodOptions,
): Promise<Pod> {
  const pod = await deployment.makePod(name);
  const { namespace, journal } = deployment;
  const { caPem } = plane.access;
  const mount = await mountServiceAccount({ namespace, caPem, token: await deployment.token(pod) });
  deployment.onClose(() => mount.remove());
  const own = hostNetwork ? ["--uts"] : ["--uts", "--net"];
  const holder = await startHolder(t, plane, name, own);
  return {
    async startContainer() {
      const bin = await startBin(t, {
        argv: oracleWords({ journal, grandchild: true }),
        before: ["nsenter", "--target", String(holder), ...own, ...unshare],
        env: {
          ...clusterEnvironment(plane, mount),
          K8S_AWAIT_ELECTION_ENABLED: "1",
          K8S_AWAIT_ELECTION_NAME: "test",
          K8S_AWAIT_ELECTION_LOCK_NAME: lockName,
          K8S_AWAIT_ELECTION_LOCK_NAMESPACE: namespace,
          K8S_AWAIT_ELECTION_IDENTITY: name,
          K8S_AWAIT_ELECTION_LEASE_DURATION: "5",
          K8S_AWAIT_ELECTION_RENEW_DEADLINE: "3",
          K8S_AWAIT_ELECTION_RETRY_PERIOD: "1",
        },
      });
      deployment.onClose(() => crashContainer(bin));
      return bin;
    },
  };
}

/** Kills its PID 1 from outside, and so everything in it. */
export async function crashContainer(bin: Bin): Promise<void> {
  if (!bin.hasEnded()) endProcess(bin.pid);
  await bin.ended;
}

async function startHolder(
  t: TestContext,
  { host, port }: ControlPlane,
  name: string,
  own: readonly string[],
): Promise<number> {
  const socket = join(scratchFolder(t), "way-out");
  const wayOut = createServer((client) => {
    const upstream = connect({ host, port });
    client.pipe(upstream).pipe(client);
    for (const end of [client, upstream]) end.on("error", () => end.destroy());
  });
  await new Promise<void>((resolve) => wayOut.listen(socket, resolve));
  const carrier = fileURLToPath(new URL("./pod-carrier.js", import.meta.url));
  const script = 'hostname "$1" && shift && exec "$@"';
  const words = [process.execPath, carrier, socket, own.includes("--net") ? String(port) : ""];
  const holder = spawn(
    "setpriv",
    ["--pdeathsig", "KILL", "unshare", ...own, "sh", "-c", script, "sh", name, ...words],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const output = new Lines(holder.stdout, () => holder.exitCode !== null);
  t.after(() => {
    endProcess(holder.pid);
    wayOut.close();
  });
  await output.first(/^ready$/);
  return holder.pid ?? 0;
}
