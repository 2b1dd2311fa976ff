/**
 * A real control plane for tests: etcd and kube-apiserver on loopback, with certificates of their
 * own, ServiceAccount tokens and RBAC, as a cluster has them. There is no kubelet and no scheduler:
 * pods are objects, processes are the test's own.
 */

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { access as checkFile, constants, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { callApi, type ApiAccess } from "../support/api-client.ts";
import { makeCertificates } from "../support/certificates.ts";
import {
  createNamespace,
  createPod,
  createServiceAccount,
  requestToken,
  type PodReference,
  type TokenOptions,
} from "./objects.ts";
import type { PolicyRule } from "./roles.ts";
import {
  createServerFolder,
  freePort,
  type ServerFolder,
  type ServerProcess,
} from "./server-processes.ts";
import { until } from "./until.ts";

export interface ControlPlane {
  /** As a member of `system:masters`, whom RBAC does not limit. */
  readonly access: ApiAccess;
  readonly host: string;
  readonly port: number;
  /** etcd's and the API server's, to stop and continue them with signals. */
  readonly processIds: { readonly etcd: number; readonly apiServer: number };
  /** A fresh namespace, so that tests may share the control plane. */
  namespace(prefix: string): Promise<string>;
  /** Makes a ServiceAccount with a Role and a RoleBinding of the same name. */
  serviceAccount(namespace: string, name: string, rules: readonly PolicyRule[]): Promise<void>;
  pod(namespace: string, name: string, serviceAccount: string): Promise<PodReference>;
  token(namespace: string, serviceAccount: string, options?: TokenOptions): Promise<string>;
  /** Kills the API server and starts it again on the same port; every connection breaks. */
  restartApiServer(): Promise<void>;
  /** Ends both servers and removes what they stored. */
  close(): Promise<void>;
}

export interface ControlPlaneOptions {
  /** More flags for kube-apiserver, such as `--feature-gates=CoordinatedLeaderElection=true`. */
  readonly apiServerFlags?: readonly string[];
}

const host = "127.0.0.1";

// etcd wants a host and a port also in the name of a Unix socket, and takes it as a file name.
const etcdSocket = "etcd:1";

/** @throws when `KUBEBUILDER_ASSETS` does not name a folder with etcd and kube-apiserver. */
export async function startControlPlane({
  apiServerFlags = [],
}: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const assets = await findAssets();
  const folder = await createServerFolder();
  try {
    return await startIn(folder, assets, apiServerFlags);
  } catch (error) {
    await folder.close();
    throw error;
  }
}

async function startIn(
  folder: ServerFolder,
  assets: string,
  flags: readonly string[],
): Promise<ControlPlane> {
  const { caPem, adminToken } = await writeSecrets(folder);
  const port = await freePort();
  const access = { url: `https://${host}:${port}`, caPem, token: adminToken };
  const etcd = await startEtcd(folder, assets);
  const startReady = async (): Promise<ServerProcess> => {
    const server = startApiServer(folder, assets, port, flags);
    await untilReady(access, server);
    return server;
  };
  let apiServer = await startReady();
  return {
    access,
    host,
    port,
    get processIds() {
      return { etcd: etcd.pid, apiServer: apiServer.pid };
    },
    namespace: (prefix) => createNamespace(access, prefix),
    serviceAccount: (namespace, name, rules) =>
      createServiceAccount(access, namespace, name, rules),
    pod: (namespace, name, account) => createPod(access, namespace, name, account),
    token: (namespace, account, options) => requestToken(access, namespace, account, options),
    async restartApiServer() {
      await apiServer.kill();
      apiServer = await startReady();
    },
    close: () => folder.close(),
  };
}

async function findAssets(): Promise<string> {
  const assets = process.env["KUBEBUILDER_ASSETS"] ?? "";
  for (const program of ["etcd", "kube-apiserver"]) {
    try {
      await checkFile(join(assets, program), constants.X_OK);
    } catch (cause) {
      throw new Error(
        `Cannot start a control plane: KUBEBUILDER_ASSETS is "${assets}" and has no program ` +
          `"${program}"; \`setup-envtest use -p path\` gets both and prints their folder.`,
        { cause },
      );
    }
  }
  return assets;
}

interface Secrets {
  readonly caPem: string;
  readonly adminToken: string;
}

async function writeSecrets(folder: ServerFolder): Promise<Secrets> {
  const { caPem, certPem, keyPem } = await makeCertificates();
  const accountKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const adminToken = randomBytes(16).toString("hex");
  const files = {
    "tls.crt": certPem,
    "tls.key": keyPem,
    "sa.key": String(accountKey.export({ type: "sec1", format: "pem" })),
    "tokens.csv": `${adminToken},admin,admin,system:masters\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder.path, name), text, { mode: 0o600 });
  }
  return { caPem, adminToken };
}

async function startEtcd(folder: ServerFolder, assets: string): Promise<ServerProcess> {
  const etcd = folder.start("etcd", join(assets, "etcd"), [
    "--data-dir=etcd",
    `--listen-client-urls=unix://${etcdSocket}`,
    `--advertise-client-urls=unix://${etcdSocket}`,
    "--listen-peer-urls=http://127.0.0.1:0", // it has no peers, and must still listen
    "--unsafe-no-fsync", // a power failure ends the test anyway
  ]);
  // An API server that comes too early backs off for a second.
  await until("the socket of etcd", async () => {
    await etcd.assertAlive();
    return existsSync(join(folder.path, etcdSocket)) ? true : undefined;
  });
  return etcd;
}

function startApiServer(
  folder: ServerFolder,
  assets: string,
  port: number,
  flags: readonly string[],
): ServerProcess {
  return folder.start("kube-apiserver", join(assets, "kube-apiserver"), [
    `--etcd-servers=unix://${etcdSocket}`,
    `--bind-address=${host}`,
    `--advertise-address=${host}`, // else it needs an interface that leads somewhere
    `--secure-port=${port}`,
    "--tls-cert-file=tls.crt",
    "--tls-private-key-file=tls.key",
    "--cert-dir=certs",
    "--token-auth-file=tokens.csv",
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc",
    "--service-account-key-file=sa.key",
    "--service-account-signing-key-file=sa.key",
    "--service-cluster-ip-range=10.0.0.0/24",
    // Pods may be created although no controller makes the ServiceAccount "default".
    "--disable-admission-plugins=ServiceAccount",
    // Less to do at start and when idle, and nothing that a test of ours can see.
    "--endpoint-reconciler-type=none",
    "--enable-priority-and-fairness=false",
    ...flags,
  ]);
}

async function untilReady(access: ApiAccess, apiServer: ServerProcess): Promise<void> {
  // "default" is made by a controller in the API server that readiness does not wait for.
  for (const path of ["/readyz", "/api/v1/namespaces/default"]) {
    await until(`${path} of the API server`, async () => {
      await apiServer.assertAlive();
      // No connection, or a broken one, is how a server looks that is still starting.
      const answer = await callApi(access, "GET", path).catch(() => undefined);
      return answer?.status === 200 ? true : undefined;
    });
  }
}
