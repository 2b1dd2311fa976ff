/** By which objects a Service is routed, and whether it is ours to route at all. */
import {
  addressOf,
  families,
  type Family,
  isFilled,
  isManaged,
  isSlice,
  type Name,
  type Route,
} from "./objects.ts";
import type { Found, Target } from "./target.ts";

export type Way = "endpointslice" | "endpoints";

/** Once chosen it stays for the term, unless slices turn out to be denied. */
export function choose(route: Route, targets: readonly Target[], before: Way | undefined): Way {
  const { kind } = route.service;
  if (kind !== "auto") return kind;
  const isOurs = (family: Family) => addressOf(route, family) !== undefined;
  const isDenied = families.some((it) => isOurs(it) && foundOf(targets, it).how === "denied");
  if (isDenied) return "endpoints";
  if (before !== undefined) return before;
  const found = foundOf(targets, "endpoints");
  // Written over, they name one address at any time: the original's, or that of a leader that crashed.
  // Emptied, their mirrored slice would stay beside ours until the mirroring controller has seen it.
  const isBusy = found.how === "present" && isFilled("endpoints", found.object);
  return isBusy ? "endpoints" : "endpointslice";
}

/** Whether this is what names our address; the other kind, and the other family, name nobody. */
export function isUsed(route: Route, name: Name, way: Way): boolean {
  if (!isSlice(name)) return name === way;
  return way === "endpointslice" && addressOf(route, name) !== undefined;
}

/** The object that tells that Kubernetes routes this Service: itself, or what was written for it. */
export function managerOf(targets: readonly Target[]): Target | undefined {
  const name = foundOf(targets, "service").how === "denied" ? "endpoints" : "service";
  return targets.find(
    ({ name: own, found }) =>
      own === name && found.how === "present" && isManaged(name, found.object),
  );
}

function foundOf(targets: readonly Target[], name: Name): Found {
  return targets.find((target) => target.name === name)?.found ?? { how: "unknown" };
}
