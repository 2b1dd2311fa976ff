/**
 * The service account that Kubernetes mounts into a pod. The kubelet renews the token at 80 % of
 * its life and replaces the CA by the same means, so both files are read again every minute.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { Access, Server } from "./server.ts";
import { createReread } from "./reread.ts";

const maxAgeMs = 60_000;
const tokenLimitBytes = 64 * 1024;
const caLimitBytes = 1024 * 1024;

interface Options {
  /** `KUBERNETES_SERVICE_HOST`, where IPv6 may stand in brackets. */
  readonly host: string;
  /** `KUBERNETES_SERVICE_PORT`. */
  readonly port: string;
  /** Where `token` and `ca.crt` are. */
  readonly folder: string;
}

interface ServiceAccount {
  readonly token: string;
  readonly ca: string;
}

/** Never throws: unreadable files are a `problem`, and `server()` tries them again. */
export async function openInClusterAccess(options: Options): Promise<Access> {
  const port = Number(options.port);
  const portProblem =
    Number.isInteger(port) && 0 < port && port < 65536
      ? undefined
      : `Cannot find the API server: KUBERNETES_SERVICE_PORT is "${options.port}", not a port.`;
  const host = options.host.replace(/^\[(.*)\]$/u, "$1");
  const account = createReread(() => readServiceAccount(options.folder), maxAgeMs);

  async function server(): Promise<Server> {
    if (portProblem !== undefined) throw new Error(portProblem);
    const { token, ca } = await account.get();
    const headers = { Authorization: `Bearer ${token}` };
    return { host, port, basePath: "", tls: { serverName: host, ca }, headers };
  }

  const found = await server().then(
    () => account.get(),
    (error: unknown) => String(error instanceof Error ? error.message : error),
  );
  return {
    ...(typeof found === "string" ? { problem: found } : podOf(found.token)),
    server,
    refused: () => account.expire(),
  };
}

async function readServiceAccount(folder: string): Promise<ServiceAccount> {
  const [token, ca] = await Promise.all([
    readText(`${folder}/token`, tokenLimitBytes),
    readText(`${folder}/ca.crt`, caLimitBytes),
  ]);
  // Anything else could not be sent in a header, and the error would come with every request.
  if (!/^[\x21-\x7e]+$/u.test(token)) {
    throw new Error(`Cannot use ${folder}/token: it is not one word of ASCII text.`);
  }
  if (!ca.includes("-----BEGIN CERTIFICATE-----")) {
    throw new Error(`Cannot use ${folder}/ca.crt: it holds no PEM certificate.`);
  }
  return { token, ca };
}

const notMounted =
  "ENOENT, no service account is mounted; set automountServiceAccountToken to true, " +
  "or K8S_AWAIT_ELECTION_KUBECONFIG to a kubeconfig file";

/**
 * Reads a small file. Opened without blocking, because opening a FIFO waits for a writer, and such
 * a wait keeps a thread and the exit of the process.
 */
async function readText(path: string, limitBytes: number): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      const reason = error.code === "ENOENT" ? notMounted : (error.code ?? error.message);
      throw new Error(`Cannot read ${path}: ${reason}.`, { cause: error });
    },
  );
  try {
    if (!(await file.stat()).isFile()) {
      throw new Error(`Cannot read ${path}: it is not a regular file.`);
    }
    // One byte more than allowed tells a file that is too long, however large it is.
    const buffer = Buffer.alloc(limitBytes + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) break;
    }
    if (length > limitBytes) {
      throw new Error(`Cannot use ${path}: it is longer than ${limitBytes} bytes.`);
    }
    const text = buffer.toString("utf8", 0, length).trim();
    if (text === "") throw new Error(`Cannot use ${path}: it is empty.`);
    return text;
  } finally {
    await file.close();
  }
}

/** The pod that a bound token was issued for; nothing for a token of another kind. */
function podOf(token: string): { readonly podUid?: string; readonly podName?: string } {
  const pod = field(field(claimsOf(token), "kubernetes.io"), "pod");
  const podUid = field(pod, "uid");
  const podName = field(pod, "name");
  return {
    ...(typeof podUid === "string" && podUid !== "" ? { podUid } : {}),
    ...(typeof podName === "string" && podName !== "" ? { podName } : {}),
  };
}

/** The claims are read, not verified: they only tell us who we are, and the server checks them. */
function claimsOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
