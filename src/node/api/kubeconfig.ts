/**
 * A kubeconfig, for development and for processes outside a pod. Reading it and asking credential
 * plugins is the work of `@kubernetes/client-node`, an optional peer dependency that is loaded
 * only here. Nothing is taken from it but address and credentials: the connections are our own.
 */
import { isIP } from "node:net";
import type { RequestOptions } from "node:https";
import type { Cluster, KubeConfig } from "@kubernetes/client-node";
import type { Access, Server, Tls } from "./server.ts";
import { messageOf } from "./error-text.ts";
import { createReread } from "./reread.ts";

/** The part of the package that is used. */
interface Client {
  readonly KubeConfig: typeof KubeConfig;
}

interface Options {
  /** One path, or several with colons between them as in `KUBECONFIG`. */
  readonly files: string;
  readonly loadClient?: () => Promise<Client>;
}

/** A kubeconfig as it was read, with the answers of its plugins until they expire. */
interface Loaded {
  readonly config: KubeConfig;
  readonly url: URL;
  readonly serverName: string;
}

const maxAgeMs = 60_000;

/** A credential plugin may open a browser; one that hangs must not stop the next try for ever. */
const pluginTimeoutMs = 30_000;

/** Never throws: what is wrong is in `problem`. */
export async function openKubeconfigAccess(options: Options): Promise<Access> {
  const paths = options.files.split(":").filter((path) => path !== "");
  const loadClient = options.loadClient ?? (() => import("@kubernetes/client-node"));
  let loaded: Loaded | undefined;

  async function read(): Promise<Server> {
    try {
      loaded ??= load(await loadClient(), paths);
      return await serverOf(loaded);
    } catch (error) {
      throw new Error(explain(error, options.files), { cause: error });
    }
  }

  const current = createReread(read, maxAgeMs);
  const problem = await current.get().then(
    () => undefined,
    (error: unknown) => messageOf(error),
  );
  return {
    ...(problem === undefined ? {} : { problem }),
    server: () => current.get(),
    refused: () => {
      // A new object forgets what the plugins answered, which may look valid for hours yet.
      loaded = undefined;
      current.expire();
    },
  };
}

function load(client: Client, paths: readonly string[]): Loaded {
  const config = new client.KubeConfig();
  for (const [index, path] of paths.entries()) {
    if (index === 0) {
      config.loadFromFile(path);
    } else {
      const more = new client.KubeConfig();
      more.loadFromFile(path);
      config.mergeConfig(more, true);
    }
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(`the current context is "${config.currentContext}", which has no cluster`);
  }
  const url = urlOf(cluster);
  // The client refuses plain HTTP even on loopback, but looks at the scheme for its agent only,
  // which is not used here.
  config.clusters = [{ ...cluster, server: cluster.server.replace(/^http:/u, "https:") }];
  return { config, url, serverName: cluster.tlsServerName || hostOf(url) };
}

async function serverOf({ config, url, serverName }: Loaded): Promise<Server> {
  const options: RequestOptions = {};
  await endingWithin(pluginTimeoutMs, config.applyToHTTPSOptions(options));
  const secure = url.protocol === "https:";
  return {
    host: hostOf(url),
    port: Number(url.port) || (secure ? 443 : 80),
    basePath: url.pathname.replace(/\/+$/u, ""),
    ...(secure ? { tls: tlsOf(options, serverName) } : {}),
    headers: headersOf(options),
  };
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/u, "$1");
}

/** Refuses what would send credentials where nobody has proved to be the API server. */
function urlOf(cluster: Cluster): URL {
  if (cluster.skipTLSVerify) {
    throw new Error(
      `cluster "${cluster.name}" has insecure-skip-tls-verify, which is refused; ` +
        "give its certificate-authority",
    );
  }
  if (cluster.proxyUrl !== undefined) {
    throw new Error(`cluster "${cluster.name}" has a proxy-url, which is not supported`);
  }
  const url = new URL(cluster.server);
  if (url.protocol === "https:") return url;
  if (url.protocol === "http:" && isLoopback(url.hostname)) return url;
  throw new Error(
    `cluster "${cluster.name}" has the server "${url.protocol}//${url.host}"; ` +
      "it must be https://, or http:// with a loopback address",
  );
}

/** `localhost` is a name: what it means is up to a resolver, so only addresses count. */
function isLoopback(hostname: string): boolean {
  return hostname === "[::1]" || (isIP(hostname) === 4 && hostname.startsWith("127."));
}

function tlsOf(options: RequestOptions, serverName: string): Tls {
  return {
    serverName,
    ...pem("ca", options.ca),
    ...pem("cert", options.cert),
    ...pem("key", options.key),
  };
}

/** The client gives what it read from files as bytes, and what a plugin said as text. */
function pem<Name extends string>(name: Name, value: unknown): Partial<Record<Name, string>> {
  if (typeof value !== "string" && !Buffer.isBuffer(value)) return {};
  return { [name]: value.toString() } as Record<Name, string>;
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers = Object.entries(options.headers ?? {}).map(([name, value]) => [
    name,
    String(value),
  ]);
  if (typeof options.auth === "string") {
    headers.push(["Authorization", `Basic ${Buffer.from(options.auth).toString("base64")}`]);
  }
  return Object.fromEntries(headers);
}

function explain(error: unknown, files: string): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ERR_MODULE_NOT_FOUND") {
    return (
      `Cannot read the kubeconfig "${files}": the package @kubernetes/client-node is not installed. ` +
      "Install it, or run in a pod with a service account."
    );
  }
  return `Cannot use the kubeconfig "${files}": ${unquoted(error)}`;
}

/** What reads YAML and JSON quotes what it read in its complaints, and that may be a secret. */
function unquoted(error: unknown): string {
  const { name, mark } = error as { name?: unknown; mark?: { line?: unknown } };
  if (name === "YAMLException") return `it is no YAML at line ${Number(mark?.line) + 1}`;
  return name === "SyntaxError" ? "a credential plugin's answer is no JSON" : messageOf(error);
}

function endingWithin<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`the credential plugin did not end within ${ms / 1000} s`));
    }, ms);
    timer.unref();
    void promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
