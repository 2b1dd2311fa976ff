/** A watch: an answer without an end, on a connection of its own, told line by line. */
import type { Order, Report } from "../../core/protocol.ts";
import { answered, ask, type Call, peerOf, unanswered, type Via } from "./call.ts";
import { unlessAborted } from "./deadline.ts";
import { describeError } from "./error-text.ts";
import { type Answer, readStart } from "./exchange.ts";
import { createLines } from "./lines.ts";

type WatchOrder = Extract<Order, { type: "watch" }>;

/** Says whether the report was wanted; the program may abandon a watch because of a line. */
type Tell = (report: Report) => boolean;

const maxLineBytes = 1024 * 1024;
const maxRefusalBytes = 64 * 1024;

/** Resolves with the last report. A refusal is cut, because it only says why. */
export async function follow(order: WatchOrder, call: Call, via: Via, tell: Tell): Promise<Report> {
  let answer: Answer;
  try {
    const server = await unlessAborted(via.access.server(), call.deadline.signal);
    const connection = await via.connections.open(server, order.fresh === true, call.deadline);
    answer = await ask(call, connection, { method: "GET", path: order.path, server }, via);
    const { statusCode = 0 } = answer;
    if (statusCode < 200 || 300 <= statusCode) {
      const { text } = await readStart(answer, maxRefusalBytes);
      return answered(call, answer, text);
    }
  } catch (error) {
    return unanswered(call, error, via);
  }
  call.deadline.lift();
  tell({ type: "opened", id: call.id });
  return tellLines(answer, call, tell);
}

async function tellLines(answer: Answer, call: Call, tell: Tell): Promise<Report> {
  const { id } = call;
  const lines = createLines(maxLineBytes);
  try {
    for await (const chunk of answer) {
      for (const text of lines.split(chunk)) {
        if (!tell({ type: "line", id, text })) return { type: "ended", id };
      }
    }
    if (lines.isInLine()) throw new Error("the stream ended within a line");
    return { type: "ended", id };
  } catch (error) {
    return { type: "ended", id, error: describeError(error, peerOf(call)) };
  }
}
