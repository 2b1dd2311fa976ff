/** One request or watch under way: how far it has come, and how it is reported. */
import type { Report } from "../../core/protocol.ts";
import type { Access } from "./server.ts";
import type { Connection, Connections } from "./connections.ts";
import { createDeadline, type Deadline } from "./deadline.ts";
import { describeError } from "./error-text.ts";
import { type Answer, type Question, retryAfterMs } from "./exchange.ts";

export interface Call {
  readonly id: string;
  readonly deadline: Deadline;
  connection?: Connection;
  isAnswering: boolean;
}

/** What every call goes through. */
export interface Via {
  readonly access: Pick<Access, "server" | "refused">;
  readonly connections: Connections;
}

export function createCall(id: string, timeoutMs: number): Call {
  const call: Call = {
    id,
    deadline: createDeadline(timeoutMs, () => missing(call)),
    isAnswering: false,
  };
  return call;
}

/** Who is on the other side, for messages. */
export function peerOf({ connection }: Call): string {
  return connection?.peer ?? "API server";
}

/** Asks on the call's connection; the credentials are told when they were refused. */
export async function ask(
  call: Call,
  connection: Connection,
  question: Question,
  { access }: Via,
): Promise<Answer> {
  call.connection = connection;
  const answer = await connection.exchange(question, call.deadline.signal);
  call.isAnswering = true;
  if (answer.statusCode === 401) access.refused();
  return answer;
}

export function answered({ id }: Call, answer: Answer, body: string): Report {
  const ms = retryAfterMs(answer);
  const retry = ms === undefined ? {} : { retryAfterMs: ms };
  return { type: "answered", id, status: answer.statusCode ?? 0, ...retry, body };
}

export function unanswered(call: Call, error: unknown, { connections }: Via): Report {
  if (call.connection !== undefined) connections.failed(call.connection);
  return { type: "unanswered", id: call.id, error: describeError(error, peerOf(call)) };
}

function missing(call: Call): string {
  if (call.connection === undefined) return "API server: no connection";
  return `${peerOf(call)}: ${call.isAnswering ? "no complete answer" : "no answer"}`;
}
