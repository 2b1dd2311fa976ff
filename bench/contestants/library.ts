/** The library as its users import it, as far as it is used here; it may not be built. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { variable } from "./variable.ts";

export interface Term {
  readonly signal: AbortSignal;
  readonly fencingToken: string;
}

export interface Elector {
  campaign(
    run: (term: Term) => Promise<void>,
    options: { readonly signal: AbortSignal; readonly rejoin: boolean },
  ): Promise<void>;
  observe(options: { readonly signal: AbortSignal }): AsyncIterable<{ readonly identity: string }>;
}

interface Library {
  readonly LeaderElector: new (options: {
    readonly lease: { readonly namespace: string; readonly name: string };
    readonly identity: string;
    readonly durations: Readonly<Record<string, number>>;
  }) => Elector;
}

const name = "k8s-await-election";

/** Whether the package exports it, and it was built. */
export function hasLibrary(): boolean {
  try {
    return existsSync(fileURLToPath(import.meta.resolve(name)));
  } catch {
    return false;
  }
}

/**
 * What makes electors for Leases of these names; all else is read from the environment, and the
 * credentials are the pod's, as in a cluster.
 */
export async function electors(): Promise<(lock: string) => Elector> {
  const { LeaderElector } = (await import(name)) as Library;
  const [leaseSeconds = 0, renewDeadlineSeconds = 0, retrySeconds = 0] = [
    "LEASE_DURATION",
    "RENEW_DEADLINE",
    "RETRY_PERIOD",
  ].map((duration) => Number(variable(duration)));
  return (lock) =>
    new LeaderElector({
      lease: { namespace: variable("LOCK_NAMESPACE"), name: lock },
      identity: variable("IDENTITY"),
      durations: { leaseSeconds, renewDeadlineSeconds, retrySeconds },
    });
}
