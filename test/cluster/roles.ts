/** What a pod may do: the rights this program asks for, and those of others to compare with. */

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/**
 * The least that works. `create` stands apart because a name is unknown when a creation is
 * authorized; `watch` by name is granted to a watch with `fieldSelector=metadata.name=<name>`.
 *
 * `serviceName` is the Service whose endpoints are written, where it is not named like the lock.
 */
export function ourRole(lockName: string, serviceName: string = lockName): readonly PolicyRule[] {
  const lease = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
  const endpoints = { apiGroups: [""], resources: ["endpoints"] };
  return [
    { ...lease, resourceNames: [lockName], verbs: ["get", "watch", "update"] },
    { ...lease, verbs: ["create"] },
    { ...endpoints, resourceNames: [serviceName], verbs: ["get", "watch", "update"] },
    { ...endpoints, verbs: ["create"] },
    { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create"] },
  ];
}

/** What routing by EndpointSlices asks for beside: the slices by their names, and a look at the Service. */
export function sliceRole(lockName: string, serviceName: string): readonly PolicyRule[] {
  const slices = { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"] };
  const names = ["ipv4", "ipv6"].map((family) => `${serviceName}-await-election-${family}`);
  return [
    ...ourRole(lockName, serviceName),
    { ...slices, resourceNames: names, verbs: ["get", "watch", "update"] },
    { ...slices, verbs: ["create"] },
    { apiGroups: [""], resources: ["services"], resourceNames: [serviceName], verbs: ["get"] },
  ];
}

/** The role that the Go original documents: whoever replaces it brings no other rights along. */
export const originalRole: readonly PolicyRule[] = [
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    verbs: ["get", "watch", "list", "create", "update"],
  },
  {
    apiGroups: [""],
    resources: ["endpoints"],
    verbs: ["get", "watch", "list", "create", "update"],
  },
];

/** Enough for an elector that only polls, as client-go's does. */
export const roleWithoutWatch: readonly PolicyRule[] = [
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    verbs: ["get", "create", "update"],
  },
];
