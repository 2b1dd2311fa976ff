/** One HTTP exchange on a connection, with every size bounded. */
import { request as send, type IncomingMessage } from "node:http";
import { isIPv6 } from "node:net";
import type { Method } from "../../core/protocol.ts";
import type { Server } from "./server.ts";
import type { Connection } from "./connections.ts";
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

/**
 * Sends the question and resolves with the head of the answer, whatever its status; its body is
 * still to be read. A redirect is an answer like any other: nobody but the server that was asked
 * gets the credentials.
 */
export function exchange(
  connection: Connection,
  question: Question,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = send({
      agent: connection,
      method: question.method,
      path: question.server.basePath + question.path,
      headers: headersOf(question),
      maxHeaderSize: maxHeaderBytes,
      insecureHTTPParser: false,
    });
    let answer: IncomingMessage | undefined;
    let interimAnswers = 0;
    // Destroying the request alone would hide the reason from whoever reads the body.
    const onAbort = (): void => void (answer ?? request).destroy(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    request.on("information", () => {
      interimAnswers += 1;
      if (interimAnswers > maxInterimAnswers) {
        request.destroy(new Error(`${connection.peer} sends interim answers without end`));
      }
    });
    request.on("response", (response) => {
      answer = response;
      resolve(response);
    });
    request.on("error", reject);
    request.on("close", () => {
      signal.removeEventListener("abort", onAbort);
      reject(new Error(`${connection.peer} closed the connection without an answer`));
    });
    request.end(question.body);
  });
}

function headersOf({
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
export async function readBody(answer: IncomingMessage, limitBytes: number): Promise<string> {
  const { text, isCut } = await readStart(answer, limitBytes);
  if (isCut) throw new Error(`the body of the answer is longer than ${limitBytes} bytes`);
  return text;
}

/** The first bytes of a body; the connection is given up where there are more. */
export async function readStart(
  answer: IncomingMessage,
  limitBytes: number,
): Promise<{ readonly text: string; readonly isCut: boolean }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    // Leaving the loop destroys the answer and, with it, the connection.
    if (length > limitBytes) break;
  }
  const text = Buffer.concat(chunks).toString("utf8", 0, Math.min(length, limitBytes));
  return { text, isCut: length > limitBytes };
}

/** Only whole seconds count: a date would need the server's clock, and other texts mean nothing. */
export function retryAfterMs(answer: IncomingMessage): number | undefined {
  const header = answer.headers["retry-after"] ?? "";
  return /^\d{1,9}$/u.test(header) ? Number(header) * 1000 : undefined;
}
