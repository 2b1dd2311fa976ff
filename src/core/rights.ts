/**
 * What has to be allowed for what the settings ask for: the one list that the preflight goes through.
 *
 * Whoever leaves the choice to us (`SERVICE_KIND=auto`) is routed by what is allowed: to be without slices
 * is no lack then, for Endpoints do as well, and those are what the original's Role allows.
 */
import type { Right } from "./preflight.ts";
import { addressOf, families, type Name, placeOf } from "./routing/objects.ts";
import type { Service, Settings } from "./settings.ts";

/** Whether the Lease is there, as far as it was seen. */
export type Presence = "there" | "absent" | "unknown";

/** In the order in which they are needed. */
export function rightsOf(settings: Settings, lease: Presence): readonly Right[] {
  const { lock, service, events } = settings;
  const { namespace, name } = lock;
  const leases = { group: "coordination.k8s.io", resource: "leases", namespace };
  const rights = [
    ...changing(leases, name, "error", "warn"),
    // A Lease that somebody has made needs no right to create it.
    ...(lease === "there" ? [] : [creating(leases, lease === "absent" ? "error" : "warn")]),
    ...(service === undefined ? [] : routing(service)),
  ];
  if (!events) return rights;
  return [...rights, creating({ group: "events.k8s.io", resource: "events", namespace }, "warn")];
}

type Place = Pick<Right, "group" | "resource" | "namespace">;

function routing(service: Service): readonly Right[] {
  const { kind, namespace, name } = service;
  const services = { group: "", resource: "services", namespace };
  const slices = { group: "discovery.k8s.io", resource: "endpointslices", namespace };
  const endpoints = { group: "", resource: "endpoints", namespace };
  const nameOf = (object: Name) => placeOf({ service }, object)[1];
  const rights: Right[] = [{ ...services, name, verb: "get", lack: "info" }];
  if (kind !== "endpoints") {
    const lack = kind === "auto" ? "info" : "error";
    const own = families.filter((family) => addressOf({ service }, family) !== undefined);
    rights.push(...own.flatMap((family) => changing(slices, nameOf(family), lack, "info")));
    rights.push(creating(slices, lack));
  }
  if (kind !== "endpointslice") {
    const lack = kind === "auto" ? "warn" : "error";
    rights.push(...changing(endpoints, nameOf("endpoints"), lack, "info"));
    rights.push(creating(endpoints, lack));
  }
  return rights;
}

/** Without `watch` it is looked at now and then. */
function changing(
  place: Place,
  name: string,
  lack: Right["lack"],
  unwatched: Right["lack"],
): readonly Right[] {
  return [
    { ...place, name, verb: "get", lack },
    { ...place, name, verb: "update", lack },
    { ...place, name, verb: "watch", lack: unwatched },
  ];
}

function creating(place: Place, lack: Right["lack"]): Right {
  return { ...place, verb: "create", lack };
}
