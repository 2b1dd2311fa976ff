/**
 * Carries out the order `probe`: asks the command whether it is ready, and says what was found, never
 * what was answered. Whatever is asked may be silent, slow or endless: nothing here waits for longer
 * than the order allows, and no byte of a body is read.
 */
import type { Order, Report } from "../core/protocol.ts";
import { type Connection, createConnections } from "./api/connections.ts";
import { createDeadline, type Deadline } from "./api/deadline.ts";
import { describeError, messageOf } from "./api/error-text.ts";
import type { Server } from "./api/server.ts";
import { createHelper } from "./command/helper.ts";

type ProbeOrder = Extract<Order, { type: "probe" }>;
type NetTarget = Exclude<ProbeOrder["target"], { by: "exec" }>;

export interface Prober {
  probe(order: ProbeOrder): void;
  /** Ends a probe without a report. */
  abandon(id: string): void;
  /** Abandons everything. */
  close(): void;
}

export interface ProberOptions {
  /** Takes a report to the program; it must not throw. */
  readonly report: (report: Report) => void;
  /** The variables of the command that runs, if one does. */
  readonly environment: () => NodeJS.ProcessEnv | undefined;
}

interface Finding {
  readonly ok: boolean;
  readonly detail: string;
}

/** Nothing is opened before the first order. */
export function createProber({ report, environment }: ProberOptions): Prober {
  const connections = createConnections();
  const helper = createHelper();
  const underWay = new Map<string, Deadline>();

  function find({ target }: ProbeOrder, deadline: Deadline, peer: Peer): Promise<Finding> {
    if (target.by === "exec") return helper.run(target.argv, environment, deadline.signal);
    return findOnNet(target, deadline, peer);
  }

  async function findOnNet(target: NetTarget, deadline: Deadline, peer: Peer): Promise<Finding> {
    const server = serverOf(target);
    const connection = await connections.open(server, false, deadline);
    peer.name = connection.peer;
    try {
      if (target.by === "tcp") return { ok: true, detail: `connected to ${connection.peer}` };
      return await ask(connection, server, target.path, deadline.signal);
    } finally {
      connection.destroy();
    }
  }

  function abandon(id: string): void {
    const deadline = underWay.get(id);
    underWay.delete(id);
    deadline?.abort(new Error("abandoned"));
  }

  return {
    probe(order) {
      const { id, timeoutMs } = order;
      const peer: Peer = {};
      const deadline = createDeadline(timeoutMs, () => missing(order, peer));
      underWay.set(id, deadline);
      void find(order, deadline, peer)
        .catch((error: unknown) => ({ ok: false, detail: worded(error, peer) }))
        .then((finding) => {
          deadline.lift();
          if (underWay.get(id) !== deadline) return;
          underWay.delete(id);
          report({ type: "probed", id, ...finding });
        });
    },
    abandon,
    close() {
      for (const id of underWay.keys()) abandon(id);
      helper.kill();
    },
  };
}

/** Who was reached, such as `127.0.0.1:8080`; nobody yet without a name. */
interface Peer {
  name?: string;
}

function missing({ target }: ProbeOrder, peer: Peer): string {
  if (target.by === "exec") return "no end";
  return peer.name === undefined ? "no connection" : `${peer.name}: no answer`;
}

function worded(error: unknown, { name }: Peer): string {
  return name === undefined ? messageOf(error) : describeError(error, name);
}

/** The head of the answer is all that counts. */
async function ask(
  connection: Connection,
  server: Server,
  path: string,
  signal: AbortSignal,
): Promise<Finding> {
  const answer = await connection.exchange({ server, method: "GET", path }, signal);
  const status = answer.statusCode ?? 0;
  const ok = 200 <= status && status < 400;
  return { ok, detail: `HTTP ${status} from ${connection.peer}` };
}

function serverOf({ host, port }: NetTarget): Server {
  return { host, port, basePath: "", headers: { Accept: "*/*", Connection: "close" } };
}
