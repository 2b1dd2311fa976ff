/**
 * Which API server to talk to, and with which credentials: `K8S_AWAIT_ELECTION_KUBECONFIG` wins,
 * then the service account of the pod, then `KUBECONFIG`.
 */
import { openInClusterAccess } from "./in-cluster.ts";
import type { Access } from "./server.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const defaultFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Never throws: what is wrong is in `problem`, so that the program words the error. */
export async function openAccess(environment: Environment): Promise<Access> {
  const ownFile = environment["K8S_AWAIT_ELECTION_KUBECONFIG"];
  if (ownFile) return openKubeconfig(ownFile);
  const host = environment["KUBERNETES_SERVICE_HOST"];
  const port = environment["KUBERNETES_SERVICE_PORT"];
  if (host && port) {
    const folder = environment["K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR"] || defaultFolder;
    return openInClusterAccess({ host, port, folder });
  }
  const file = environment["KUBECONFIG"];
  if (file) return openKubeconfig(file);
  return noAccess(
    "Cannot find the API server: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set. " +
      "Run in a pod, or set K8S_AWAIT_ELECTION_KUBECONFIG or KUBECONFIG to a kubeconfig file.",
  );
}

/** Loaded only where a kubeconfig is used, for start-up time. */
async function openKubeconfig(files: string): Promise<Access> {
  const { openKubeconfigAccess } = await import("./kubeconfig.ts");
  return openKubeconfigAccess({ files });
}

function noAccess(problem: string): Access {
  return {
    problem,
    server: () => Promise.reject(new Error(problem)),
    refused: () => {},
  };
}
