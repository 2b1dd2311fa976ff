/** Leases as the API server sends them, from the few members that a test is about. */
import { type Lease, readLease } from "../../src/core/lease.ts";
import { deriveTiming, type Timing } from "../../src/core/timing.ts";

export interface LeaseParts {
  readonly version?: string;
  readonly uid?: string;
  readonly holder?: string;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly durationSeconds?: number;
  readonly term?: string;
  readonly released?: string;
  /** Further members of the object's metadata and spec, as they are. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

export const defaultTiming: Timing = deriveTiming({
  leaseSeconds: 15,
  renewDeadlineSeconds: 10,
  retrySeconds: 2,
});

/** The time text of so many seconds after the stories' beginning. */
export function timeText(seconds: number): string {
  return `2026-01-01T00:00:${String(seconds).padStart(2, "0")}.000000Z`;
}

/** The object, with `undefined` members left out by the JSON. */
export function leaseText(parts: LeaseParts): string {
  const { version = "7", uid = "uid-1", term, released, metadata, spec } = parts;
  return JSON.stringify({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: "demo",
      namespace: "default",
      uid,
      resourceVersion: version,
      annotations: { "k8s-await-election/term": term, "k8s-await-election/released": released },
      ...metadata,
    },
    spec: {
      holderIdentity: parts.holder,
      leaseDurationSeconds: parts.durationSeconds,
      acquireTime: parts.acquireTime,
      renewTime: parts.renewTime,
      ...spec,
    },
  });
}

export function lease(parts: LeaseParts): Lease {
  const read = readLease(leaseText(parts));
  if (typeof read === "string") throw new Error(`not a Lease: ${read}`);
  return read;
}
