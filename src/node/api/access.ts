/**
 * Which API server to talk to, and with which credentials: `K8S_AWAIT_ELECTION_KUBECONFIG` wins,
 * then the service account of the pod, then `KUBECONFIG`.
 */
import { openInClusterAccess } from "./in-cluster.ts";

/** Where the API server is and what proves who we are; asked for anew by every exchange. */
export interface Server {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** What stands before every path, without a slash at its end: some servers are behind a gateway. */
  readonly basePath: string;
  /** Absent for plain HTTP, which only a loopback address may have. */
  readonly tls?: Tls;
  /** Authorization and the like. Never to be logged. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Tls {
  /** The name, or the address, that the server's certificate must be for. */
  readonly serverName: string;
  /** Certificates to trust, and no others; without it those of the system. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Access {
  /** Why the API server cannot be addressed, worded for the user. It may be gone at a later try. */
  readonly problem?: string;
  readonly podUid?: string;
  readonly podName?: string;
  /**
   * The server with credentials at most a minute old, or older where they cannot be read again.
   *
   * @throws Error worded like `problem` when there are no credentials at all.
   */
  server(): Promise<Server>;
  /** The server answered 401: the next `server()` reads the credentials again. */
  refused(): void;
}

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
