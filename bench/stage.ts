/** What all rounds of a run share: one control plane, and the harness's own way to it. */
import { Agent } from "node:https";
import { type Audit, openAudit } from "../test/cluster/audit.ts";
import { type ControlPlane, startControlPlane } from "../test/cluster/control-plane.ts";
import { originalRole } from "../test/cluster/roles.ts";
import type { ApiAccess } from "../test/support/api-client.ts";

export interface Room {
  readonly namespace: string;
  /** Of a ServiceAccount that may do with Leases what any elector does. */
  readonly token: string;
}

export interface Stage {
  readonly plane: ControlPlane;
  readonly audit: Audit;
  /** With connections that are kept, so that the harness costs the API server no handshakes. */
  readonly access: ApiAccess;
  /** A namespace, the same for the same key. */
  room(key: string): Promise<Room>;
  /** A name that no Lease had before. */
  newLock(): string;
  close(): Promise<void>;
}

export const accountName = "bench";

export async function openStage(): Promise<Stage> {
  const audit = await openAudit();
  const plane = await startControlPlane({ apiServerFlags: audit.flags }).catch(async (error) => {
    await audit.remove();
    throw error;
  });
  const agent = new Agent({ keepAlive: true });
  const rooms = new Map<string, Promise<Room>>();
  let locks = 0;
  async function furnish(): Promise<Room> {
    const namespace = await plane.namespace("bench");
    await plane.serviceAccount(namespace, accountName, originalRole);
    return { namespace, token: await plane.token(namespace, accountName, tokenOptions) };
  }
  return {
    plane,
    audit,
    access: { ...plane.access, agent },
    room(key) {
      const room = rooms.get(key) ?? furnish();
      rooms.set(key, room);
      return room;
    },
    newLock() {
      locks += 1;
      return `lock-${locks}`;
    },
    async close() {
      agent.destroy();
      await plane.close();
      await audit.remove();
    },
  };
}

/** Longer than any run. */
const tokenOptions = { expirationSeconds: 6 * 3600 };
