/** The table of the kinds that the server serves: one more kind is one more row. */

import { endpointSliceKind } from "./endpoint-slices.ts";
import { endpointsKind } from "./endpoints.ts";
import { eventKind } from "./events.ts";
import type { Kind } from "./kind.ts";
import { leaseKind } from "./leases.ts";
import { serviceKind } from "./services.ts";

export interface KindOptions {
  /**
   * The feature gate of that name, off in a real server unless set: without it `strategy` and
   * `preferredHolder` of a Lease are dropped (KEP-4355).
   */
  readonly coordinatedLeaderElection?: boolean;
}

export function kindsOf(options: KindOptions): readonly Kind[] {
  const leases = leaseKind(options.coordinatedLeaderElection ?? false);
  return [leases, endpointsKind, endpointSliceKind, serviceKind, eventKind];
}
