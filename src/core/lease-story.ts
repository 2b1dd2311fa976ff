/** What the Lease tells a human of its last change; nothing here decides anything. */
import { cut, type JsonObject } from "./json.ts";

/** Who writes, for who reads the Lease; what is not known is left out. */
export interface About {
  readonly pod?: string;
  readonly node?: string;
  readonly version?: string;
}

/** Why the lease changes hands, and by whom. */
export interface Change {
  readonly about: About;
  readonly reason: string;
}

const prefix = "k8s-await-election/";
/** Others' names are part of it, and a name may be a megabyte long. */
const longestReason = 300;

/**
 * What `kubectl describe lease` shows of the last change. It begins with the record's acquire time: a Go
 * leader keeps our annotations, so one that tells of another time is stale.
 */
export function storyOf({ about, reason }: Change, deed: string, time: string): JsonObject {
  const { pod, node, version } = about;
  return {
    [`${prefix}pod`]: pod,
    [`${prefix}node`]: node,
    [`${prefix}version`]: version,
    [`${prefix}reason`]: cut(`${time} ${deed}: ${reason}`, longestReason),
  };
}

/** Where the holder runs, for `kubectl get leases -L`; a name that is no label value is left out. */
export function labelsOf({ pod, node }: About): JsonObject {
  return { [`${prefix}pod`]: labelValue(pod), [`${prefix}node`]: labelValue(node) };
}

/** What the API server takes: for anything else it would refuse the whole write. */
function labelValue(text = ""): string | undefined {
  return /^[a-z0-9]([-a-z0-9._]{0,61}[a-z0-9])?$/i.test(text) ? text : undefined;
}
