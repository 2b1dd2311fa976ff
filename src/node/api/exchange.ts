/** One HTTP exchange on a connection, with every size bounded. */
import { type Agent, type IncomingMessage, request as send } from "node:http";
import { isIPv6 } from "node:net";
import type { Method } from "../../core/protocol.ts";
import type { Server } from "./server.ts";
import { version } from "../version.ts";

const maxHeaderBytes = 16 * 1024;

/** Interim answers (1xx) before the real one; the API server sends none unless asked. */
const maxInterimAnswers = 8;

export interface Question {
  readonly server: Server;
  readonly method: Method;
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
}

/** The head of an answer; what it carries is read from it. */
export interface Answer extends AsyncIterable<Buffer> {
  readonly statusCode?: number | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What HTTP/1.1 is spoken on. */
interface Wire {
  /** Has the one connection that the exchange shall take. */
  readonly agent: Agent;
  readonly peer: string;
}

/** Interim answers without end are no answer. */
export function countInterim(peer: string, giveUp: (error: Error) => void): () => void {
  let count = 0;
  return () => {
    count += 1;
    if (count > maxInterimAnswers) giveUp(new Error(`${peer} sends interim answers without end`));
  };
}

/**
 * Sends the question and resolves with the head of the answer, whatever its status; its body is
 * still to be read. A redirect is an answer like any other: nobody but the server that was asked
 * gets the credentials.
 */
export function exchange(
  { agent, peer }: Wire,
  question: Question,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = send({
      agent,
      method: question.method,
      path: question.server.basePath + question.path,
      headers: headersOf(question),
      maxHeaderSize: maxHeaderBytes,
      insecureHTTPParser: false,
    });
    let answer: IncomingMessage | undefined;
    // Destroying the request alone would hide the reason from whoever reads the body.
    const onAbort = (): void => void (answer ?? request).destroy(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    request.on(
      "information",
      countInterim(peer, (error) => request.destroy(error)),
    );
    request.on("response", (response) => {
      answer = response;
      resolve(response);
    });
    request.on("error", reject);
    request.on("close", () => {
      signal.removeEventListener("abort", onAbort);
      reject(new Error(`${peer} closed the connection without an answer`));
    });
    request.end(question.body);
  });
}

/** As HTTP/1.1 has them. */
export function headersOf({
  server,
  body,
  contentType = "application/json",
}: Question): Record<string, string> {
  const host = isIPv6(server.host) ? `[${server.host}]` : server.host;
  return {
    Host: `${host}:${server.port}`,
    Accept: "application/json",
    "User-Agent": `k8s-await-election/${version}`,
    ...(body === undefined
      ? {}
      : { "Content-Type": contentType, "Content-Length": String(Buffer.byteLength(body)) }),
    ...server.headers,
  };
}

/**
 * The whole body of an answer.
 *
 * @throws Error when it is longer than the limit, or ends before its length.
 */
export async function readBody(answer: Answer, limitBytes: number): Promise<string> {
  const { text, isCut } = await readStart(answer, limitBytes);
  if (isCut) throw new Error(`the body of the answer is longer than ${limitBytes} bytes`);
  return text;
}

/** The first bytes of a body; the connection is given up where there are more. */
export async function readStart(
  answer: Answer,
  limitBytes: number,
): Promise<{ readonly text: string; readonly isCut: boolean }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer) {
    chunks.push(chunk);
    length += chunk.length;
    // Leaving the loop destroys the answer and, with it, the connection.
    if (length > limitBytes) break;
  }
  const text = Buffer.concat(chunks).toString("utf8", 0, Math.min(length, limitBytes));
  return { text, isCut: length > limitBytes };
}

/** Only whole seconds count: a date would need the server's clock, and other texts mean nothing. */
export function retryAfterMs({ headers }: Answer): number | undefined {
  const header = String(headers["retry-after"] ?? "");
  return /^\d{1,9}$/u.test(header) ? Number(header) * 1000 : undefined;
}
