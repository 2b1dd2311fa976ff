/** The Lease of a team as the harness sees it: every version of it by a watch, with the instant. */
import { setTimeout as pause } from "node:timers/promises";
import { nowMs } from "../test/faults/series-group.ts";
import { type ApiAccess, type ApiWatch, watchApi } from "../test/support/api-client.ts";
import { until } from "../test/cluster/until.ts";

export interface Sight {
  readonly atMs: number;
  /** `ADDED`, `MODIFIED` or `DELETED`. */
  readonly type: string;
  readonly holder: string;
  /** By the writer's account, on the clock of the harness. */
  readonly renewedAtMs: number;
}

export interface LeaseView {
  readonly sights: readonly Sight[];
  /** Waits for so many versions more than there are now. */
  untilRenewed(count: number, limitMs?: number): Promise<void>;
  close(): void;
}

/** `coordination.k8s.io/v1`, as far as it is read here. */
interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly renewTime?: string;
}

const pauseMs = 50;

/** Watches until it is closed, anew where the API server ends it. */
export function viewLease(access: ApiAccess, namespace: string, lock: string): LeaseView {
  const query = `watch=true&fieldSelector=${encodeURIComponent(`metadata.name=${lock}`)}`;
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases?${query}`;
  const sights: Sight[] = [];
  let watch: ApiWatch | undefined;
  const closing = new AbortController();
  let version = "";
  async function follow(): Promise<void> {
    while (!closing.signal.aborted) {
      watch = watchApi(access, path);
      try {
        for await (const { type, object } of watch.events) {
          // A new watch begins with what is there, which may be known.
          const { resourceVersion = "" } = object.metadata ?? {};
          if (resourceVersion === version) continue;
          version = resourceVersion;
          const { holderIdentity = "", renewTime = "" } = (object.spec ?? {}) as LeaseSpec;
          sights.push({
            atMs: nowMs(),
            type,
            holder: holderIdentity,
            renewedAtMs: Date.parse(renewTime) - Date.now() + nowMs(),
          });
        }
      } catch {
        // The API server is restarting; it is asked again.
      }
      await pause(pauseMs, undefined, { ref: false });
    }
  }
  void follow();
  return {
    sights,
    async untilRenewed(count, limitMs) {
      const wanted = sights.length + count;
      await until("a renewal", () => (sights.length >= wanted ? true : undefined), limitMs);
    },
    close() {
      closing.abort();
      watch?.close();
    },
  };
}
