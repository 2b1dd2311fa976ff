/**
 * A plain client of a Kubernetes API server for tests: one connection per request, the CA verified,
 * every status an answer and only a broken exchange an error.
 */

import * as http from "node:http";
import * as https from "node:https";

/** How to reach an API server as somebody. */
export interface ApiAccess {
  /** Such as `https://127.0.0.1:6443`; plain `http:` works too and ignores the CA. */
  readonly url: string;
  readonly caPem: string;
  /** The bearer token; an empty one sends no `Authorization` at all. */
  readonly token: string;
  /** Where connections are kept for further requests; one connection per request unless told. */
  readonly agent?: https.Agent;
}

/** Any JSON object of the API, with the fields that tests look at named. */
export interface ApiObject {
  readonly [field: string]: unknown;
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ApiMetadata;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly items?: readonly ApiObject[];
  /** Of a Status: `Failure` or `Success`. */
  readonly status?: unknown;
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface ApiMetadata {
  readonly [field: string]: unknown;
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed body, or an empty object where the text is not a JSON object. */
  readonly body: ApiObject;
  readonly text: string;
}

export interface ApiEvent {
  /** `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`. */
  readonly type: string;
  readonly object: ApiObject;
}

export interface ApiWatch {
  /** Ends when the server ends the stream or after `close()`; to be iterated once. */
  readonly events: AsyncIterableIterator<ApiEvent>;
  readonly status: Promise<number>;
  close(): void;
}

/**
 * Sends one request and reads its whole answer. A `string` body goes out byte for byte, anything
 * else as JSON; `headers` are added to the usual ones or replace them.
 *
 * @throws the connection's error when there is no complete answer.
 */
export async function callApi(
  access: ApiAccess,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<ApiAnswer> {
  const { answered } = send(access, method, path, body, headers);
  const response = await answered;
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return {
    status: response.statusCode ?? 0,
    headers: flatHeaders(response.headers),
    body: parseObject(text),
    text,
  };
}

/** Opens a watch; `path` carries `watch=true` and the other parameters. */
export function watchApi(access: ApiAccess, path: string): ApiWatch {
  const { request, answered } = send(access, "GET", path, undefined, {});
  let closed = false;
  const status = answered.then((response) => response.statusCode ?? 0);
  // Whoever only iterates learns of a failure there; it must not count as unhandled here.
  status.catch(() => undefined);
  async function* events(): AsyncGenerator<ApiEvent, void, void> {
    try {
      const response = await answered;
      if (response.statusCode !== 200) return;
      for await (const line of lines(response)) yield JSON.parse(line) as ApiEvent;
    } catch (error) {
      if (!closed) throw error;
    } finally {
      request.destroy();
    }
  }
  return {
    events: events(),
    status,
    close() {
      closed = true;
      request.destroy();
    },
  };
}

interface Exchange {
  readonly request: http.ClientRequest;
  readonly answered: Promise<http.IncomingMessage>;
}

function send(
  access: ApiAccess,
  method: string,
  path: string,
  body: unknown,
  added: Readonly<Record<string, string>>,
): Exchange {
  const url = new URL(path, access.url);
  const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  const headers: Record<string, string> = { accept: "application/json" };
  if (access.token !== "") headers["authorization"] = `Bearer ${access.token}`;
  if (text !== undefined) {
    headers["content-type"] =
      method === "PATCH" ? "application/merge-patch+json" : "application/json";
    headers["content-length"] = String(Buffer.byteLength(text));
  }
  Object.assign(headers, added);
  const options = { method, headers, agent: access.agent ?? (false as const) };
  const request =
    url.protocol === "https:"
      ? https.request(url, { ...options, ca: access.caPem })
      : http.request(url, options);
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once("response", (response) => {
      response.setEncoding("utf8");
      resolve(response);
    });
    // Stays for life: a connection may also break after its answer began.
    request.on("error", reject);
  });
  request.end(text);
  return { request, answered };
}

async function* lines(response: http.IncomingMessage): AsyncGenerator<string, void, void> {
  let rest = "";
  for await (const chunk of response) {
    const parts = (rest + String(chunk)).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) if (line !== "") yield line;
  }
}

function flatHeaders(headers: http.IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value].flat().join(", ")]),
  );
}

function parseObject(text: string): ApiObject {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is ApiObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
