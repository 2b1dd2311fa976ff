/**
 * Exchanges with the API server. This carries orders out and reports what came back: it knows no
 * Kubernetes, repeats nothing that could be a write, and decides nothing.
 */
import type { Order, Report } from "../../core/protocol.ts";
import type { Resolve } from "./addresses.ts";
import { answered, ask, type Call, createCall, unanswered, type Via } from "./call.ts";
import { type Connections, createConnections } from "./connections.ts";
import { abandonment, unlessAborted } from "./deadline.ts";
import { type Answer, readBody } from "./exchange.ts";
import { follow } from "./watch.ts";

type RequestOrder = Extract<Order, { type: "request" }>;
type WatchOrder = Extract<Order, { type: "watch" }>;

export interface Api {
  request(order: RequestOrder): void;
  watch(order: WatchOrder): void;
  /** Destroys the exchange; nothing more is reported about it. */
  abandon(id: string): void;
  /** Abandons everything and closes every connection. */
  close(): void;
}

export interface ApiOptions {
  readonly access: Via["access"];
  /** Takes a report to the program; it must not throw. */
  readonly report: (report: Report) => void;
  /** In place of DNS, for tests. */
  readonly resolve?: Resolve;
  /** In place of its own: those that it shares with others. */
  readonly connections?: Connections;
}

const maxBodyBytes = 1024 * 1024;

/** Nothing is connected before the first order. */
export function createApi(options: ApiOptions): Api {
  const { access, report, resolve, connections = createConnections(resolve) } = options;
  const via: Via = { access, connections };
  const calls = new Map<string, Call>();

  function abandon(id: string): void {
    const call = calls.get(id);
    calls.delete(id);
    call?.deadline.abort(abandonment);
  }

  /** Reports what a call says on its way and at its end, until it is abandoned. */
  function begin(
    { id, timeoutMs }: RequestOrder | WatchOrder,
    carryOut: (call: Call, report: (report: Report) => boolean) => Promise<Report>,
  ): void {
    const call = createCall(id, timeoutMs);
    calls.set(id, call);

    function reportIfWanted(it: Report): boolean {
      if (calls.get(id) !== call) return false;
      report(it);
      return true;
    }

    void carryOut(call, reportIfWanted).then((last) => {
      call.deadline.lift();
      if (calls.get(id) !== call) return;
      calls.delete(id);
      report(last);
    });
  }

  return {
    request: (order) => begin(order, (call) => request(order, call, via)),
    watch: (order) => begin(order, (call, tell) => follow(order, call, via, tell)),
    abandon,
    close(): void {
      for (const id of calls.keys()) abandon(id);
      via.connections.closeIdle();
    },
  };
}

async function request(order: RequestOrder, call: Call, via: Via): Promise<Report> {
  try {
    const answer = await requestHead(order, call, via, order.fresh === true);
    return answered(call, answer, await readBody(answer, maxBodyBytes));
  } catch (error) {
    return unanswered(call, error, via);
  }
}

async function requestHead(
  order: RequestOrder,
  call: Call,
  via: Via,
  fresh: boolean,
): Promise<Answer> {
  const { signal } = call.deadline;
  const server = await unlessAborted(via.access.server(), signal);
  const connection = await via.connections.take(server, fresh, call.deadline);
  // The server may close an idle connection while a request is on its way to it. To ask again is
  // harmless for a GET only; a write that may have been applied is the program's affair.
  const mayRepeat = order.method === "GET" && connection.hasServed;
  try {
    return await ask(call, connection, { ...order, server }, via);
  } catch (error) {
    if (!mayRepeat || signal.aborted) throw error;
    return requestHead(order, call, via, true);
  }
}
