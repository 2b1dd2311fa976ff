/** The exchanges of every elector with the same credentials, over shared connections. */
import type { Report } from "../../core/protocol.ts";
import { type Api, createApi } from "../../node/api/api.ts";
import type { Access } from "../../node/api/server.ts";
import type { Connections } from "../../node/api/connections.ts";
import { Sessions } from "./sessions.ts";

export interface Transport {
  /** The exchanges of one elector. The connections are closed with the last of them. */
  open(report: (report: Report) => void): Api;
}

export function createTransport(access: Pick<Access, "server" | "refused">): Transport {
  const sessions = new Sessions();
  const open = new Set<Api>();
  const shared: Connections = {
    take: (server, fresh, deadline) => sessions.take(server, fresh, deadline),
    open: (server, fresh, deadline) => sessions.open(server, fresh, deadline),
    failed: (connection) => sessions.failed(connection),
    closeIdle() {
      if (open.size === 0) sessions.closeIdle();
    },
  };
  return {
    open(report) {
      const api = createApi({ access, report, connections: shared });
      const own: Api = {
        ...api,
        close() {
          open.delete(own);
          api.close();
        },
      };
      open.add(own);
      return own;
    },
  };
}
