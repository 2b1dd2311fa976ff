/** What has to be allowed for what the settings ask for: the list that the preflight goes through. */
import type { Settings } from "./settings.ts";

/** One verb on one resource, as RBAC names them. */
export interface Right {
  /** Empty for the core group. */
  readonly group: string;
  /** With a subresource after a slash, such as `pods/status`. */
  readonly resource: string;
  readonly verb: "get" | "watch" | "create" | "update" | "patch";
  readonly namespace: string;
  /** Missing where a Role cannot name the object: nobody knows its name when a creation is judged. */
  readonly name?: string;
  /** Without it the program cannot do what it is for; anything else it does without. */
  readonly isRequired: boolean;
}

/** Whether the Lease is there, as far as it was seen. */
export type Presence = "there" | "absent" | "unknown";

/** In the order in which they are needed. */
export function rightsOf({ lock, service, events }: Settings, lease: Presence): readonly Right[] {
  const { namespace, name } = lock;
  const leases = { group: "coordination.k8s.io", resource: "leases", namespace };
  const isRequired = true;
  const rights: Right[] = [
    { ...leases, name, verb: "get", isRequired },
    { ...leases, name, verb: "update", isRequired },
    // Without it the Lease is looked at every P.
    { ...leases, name, verb: "watch", isRequired: false },
  ];
  // A Lease that somebody has made needs no right to create it.
  if (lease !== "there") {
    rights.push({ ...leases, verb: "create", isRequired: lease === "absent" });
  }
  if (service !== undefined) {
    const endpoints = { group: "", resource: "endpoints", namespace: service.namespace };
    rights.push(
      { ...endpoints, name: service.name, verb: "get", isRequired },
      { ...endpoints, name: service.name, verb: "update", isRequired },
      { ...endpoints, verb: "create", isRequired },
    );
  }
  if (events) {
    const group = "events.k8s.io";
    rights.push({ group, resource: "events", namespace, verb: "create", isRequired: false });
  }
  return rights;
}

/** The rule of a Role that grants all of these, which differ by verb alone; no text in it needs quotes. */
export function ruleOf(rights: readonly [Right, ...Right[]]): string {
  const [{ group, resource, name }] = rights;
  const names = name === undefined ? "" : `resourceNames: ['${name}'], `;
  const verbs = rights.map(({ verb }) => verb).join(", ");
  return `- {apiGroups: ['${group}'], resources: ['${resource}'], ${names}verbs: [${verbs}]}`;
}
