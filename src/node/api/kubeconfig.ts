/**
 * A kubeconfig, for development and for processes outside a pod. Reading it and asking credential
 * plugins is the work of `@kubernetes/client-node`, an optional peer dependency that is loaded
 * only here. Nothing is taken from it but address and credentials: the connections are our own.
 */
import { isIP } from "node:net";
import type { RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
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

/** What is used of a `KubeConfig`, so that any version of the package will do. */
export interface KubeConfigLike {
  /** For messages. */
  readonly currentContext: string;
  /** `null` where the current context has none. */
  getCurrentCluster(): ClusterLike | null;
  /** Adds the credentials, of a plugin too: `headers`, `auth`, `ca`, `cert` and `key`. */
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
}

/** Where the API server is. */
export interface ClusterLike {
  /** For messages. */
  readonly name: string;
  /** A URL: https, or http with a loopback address. */
  readonly server: string;
  /** Refused: credentials would go to whoever answers. */
  readonly skipTLSVerify?: boolean;
  /** The name that the certificate must be for, where it is not the URL's. */
  readonly tlsServerName?: string;
  /** Not supported. */
  readonly proxyUrl?: string;
}

/** A kubeconfig as it was read, with the answers of its plugins until they expire. */
interface Loaded {
  readonly config: KubeConfigLike;
  readonly url: URL;
  readonly serverName: string;
}

const maxAgeMs = 60_000;

/** A credential plugin may open a browser; one that hangs must not stop the next try for ever. */
const pluginTimeoutMs = 30_000;

/** Never throws: what is wrong is in `problem`. */
export function openKubeconfigAccess(options: Options): Promise<Access> {
  const paths = options.files.split(":").filter((path) => path !== "");
  const loadClient = options.loadClient ?? (() => import("@kubernetes/client-node"));
  const name = `kubeconfig "${options.files}"`;
  return openBy(async () => loadFiles(await loadClient(), paths), name);
}

/** The same for a configuration that was loaded already. */
export function openConfigAccess(config: KubeConfigLike): Promise<Access> {
  let isFirst = true;
  const load = (): Promise<KubeConfigLike> => {
    const loaded = isFirst ? config : withoutAnswers(config);
    isFirst = false;
    return Promise.resolve(loaded);
  };
  return openBy(load, "KubeConfig");
}

async function openBy(loadConfig: () => Promise<KubeConfigLike>, name: string): Promise<Access> {
  let loaded: Loaded | undefined;

  async function read(): Promise<Server> {
    try {
      loaded ??= load(await loadConfig());
      return await serverOf(loaded);
    } catch (error) {
      throw new Error(explain(error, name), { cause: error });
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

function loadFiles(client: Client, paths: readonly string[]): KubeConfig {
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
  return config;
}

/** A copy with authenticators of its own, for it is they who keep what plugins answered. */
function withoutAnswers(config: KubeConfigLike): KubeConfigLike {
  const copy = new (config.constructor as new () => KubeConfigLike)();
  const own = Object.entries(config).filter(([name]) => name !== "authenticators");
  return Object.assign(copy, Object.fromEntries(own));
}

function load(config: KubeConfigLike): Loaded {
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(`the current context is "${config.currentContext}", which has no cluster`);
  }
  const url = urlOf(cluster);
  const serverName = cluster.tlsServerName || hostOf(url);
  if (url.protocol === "https:") return { config, url, serverName };
  // The client refuses plain HTTP even on loopback, but looks at the scheme for its agent only,
  // which is not used here.
  const server = cluster.server.replace(/^http:/u, "https:");
  const secure: KubeConfigLike = Object.create(config, {
    getCurrentCluster: { value: () => ({ ...cluster, server }) },
  });
  return { config: secure, url, serverName };
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
function urlOf(cluster: ClusterLike): URL {
  if (cluster.skipTLSVerify === true) {
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

function explain(error: unknown, name: string): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ERR_MODULE_NOT_FOUND") {
    return (
      `Cannot read the ${name}: the package @kubernetes/client-node is not installed. ` +
      "Install it, or run in a pod with a service account."
    );
  }
  return `Cannot use the ${name}: ${unquoted(error)}`;
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
