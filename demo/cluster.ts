/** The API server of the demo: the embedded one, or a real kube-apiserver. */
import { randomBytes } from "node:crypto";
import { serveApi } from "../src/api-server/serve.ts";
import { ApiStore } from "../src/api-server/store.ts";
import { startControlPlane } from "../test/cluster/control-plane.ts";
import { ourRole } from "../test/cluster/roles.ts";
import { callApi, type ApiAccess } from "../test/support/api-client.ts";
import { makeCertificates } from "../test/support/certificates.ts";

export interface Cluster {
  readonly title: string;
  readonly host: string;
  readonly port: number;
  /** What the replicas are given: all are of one ServiceAccount. */
  readonly account: { readonly token: string; readonly caPem: string };
  readonly namespace: string;
  /** The Lease as it is now, if it is there. */
  lease(): Promise<Lease | undefined>;
  deleteLease(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What the demo shows of the Lease; it decides nothing by it. */
export interface Lease {
  readonly holder: string;
  readonly renewTime: string;
  readonly transitions: number;
}

/** `coordination.k8s.io/v1`, as far as it is shown. */
interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export const lockName = "demo";

const host = "127.0.0.1";

/** TLS and a token even here: an entry point in a pod takes nothing less. */
export async function openEmbedded(): Promise<Cluster> {
  const token = randomBytes(16).toString("hex");
  const { caPem, certPem, keyPem } = await makeCertificates();
  const store = new ApiStore({ tokens: { [token]: "demo" } });
  const served = await serveApi(store, { host, tls: { key: keyPem, cert: certPem } });
  const { url, port } = served;
  const account = { token, caPem };
  const lease = leaseOf({ url, token, caPem }, "default");
  return {
    title: "embedded API server",
    host,
    port,
    account,
    namespace: "default",
    ...lease,
    [Symbol.asyncDispose]: () => served.close(),
  };
}

/** @throws when `KUBEBUILDER_ASSETS` does not name a folder with etcd and kube-apiserver. */
export async function openReal(): Promise<Cluster> {
  const plane = await startControlPlane();
  const { port, access } = plane;
  try {
    const namespace = await plane.namespace("demo");
    await plane.serviceAccount(namespace, "demo", ourRole(lockName));
    const token = await plane.token(namespace, "demo");
    const account = { token, caPem: access.caPem };
    const lease = leaseOf(access, namespace);
    return {
      title: "kube-apiserver",
      host,
      port,
      account,
      namespace,
      ...lease,
      [Symbol.asyncDispose]: () => plane.close(),
    };
  } catch (error) {
    await plane.close();
    throw error;
  }
}

function leaseOf(access: ApiAccess, namespace: string): Pick<Cluster, "lease" | "deleteLease"> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${lockName}`;
  return {
    async lease() {
      const { status, body } = await callApi(access, "GET", path);
      if (status !== 200) return undefined;
      const { holderIdentity, renewTime, leaseTransitions } = (body.spec ?? {}) as LeaseSpec;
      return {
        holder: holderIdentity ?? "",
        renewTime: renewTime ?? "",
        transitions: leaseTransitions ?? 0,
      };
    },
    async deleteLease() {
      await callApi(access, "DELETE", path);
    },
  };
}
