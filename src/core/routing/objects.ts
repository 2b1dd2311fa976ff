/**
 * The objects that route a Service without selector, as far as they are ours: where they are, what they
 * shall say, and whether they say so.
 *
 * What others put beside it, such as labels and annotations, is kept (I12), and what the API server adds
 * by default is no difference.
 */
import { asObject, type JsonObject } from "../json.ts";
import type { Service } from "../settings.ts";

/** The Service itself is only looked at: with a selector it is Kubernetes' to route. */
export type Name = "service" | "endpoints" | Family;
/** One slice each: an EndpointSlice holds addresses of one family. */
export type Family = "ipv4" | "ipv6";

export const families: readonly Family[] = ["ipv4", "ipv6"];
export const names: readonly Name[] = ["service", "endpoints", ...families];

/** The pod of this process, where it is known. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Who routes, and where to. */
export interface Route {
  readonly service: Service;
  readonly pod?: Pod;
}

/** What is to be told of our address. */
export interface Goal {
  /** The term's: it tells what this term wrote from all else. */
  readonly mark: string;
  readonly isReady: boolean;
}

const kinds: Readonly<Record<Name, string>> = {
  service: "Service",
  endpoints: "Endpoints",
  ipv4: "EndpointSlice",
  ipv6: "EndpointSlice",
};
const markAnnotation = "k8s-await-election/term";
const managedBy = "k8s-await-election";

export function isSlice(name: Name): name is Family {
  return name === "ipv4" || name === "ipv6";
}

export function kindOf(name: Name): string {
  return kinds[name];
}

/** The path of all objects of the kind, and the name of this one. */
export function placeOf({ service }: Route, name: Name): readonly [all: string, own: string] {
  const { namespace } = service;
  if (!isSlice(name)) {
    const plural = name === "service" ? "services" : "endpoints";
    return [`/api/v1/namespaces/${namespace}/${plural}`, service.name];
  }
  return [
    `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
    `${service.name}-await-election-${name}`,
  ];
}

/** Our address of that family. */
export function addressOf({ service }: Route, family: Family): string | undefined {
  return service.podIps.find((ip) => ip.includes(":") === (family === "ipv6"));
}

/** The object that was read, if it is one: a write without its version would overwrite anything. */
export function objectIn(name: Name, value: unknown): JsonObject | undefined {
  const object = asObject(value);
  if (object?.["kind"] !== kinds[name]) return undefined;
  const { uid, resourceVersion } = metadataOf(object);
  const isWhole = typeof uid === "string" && uid !== "" && /^\d+$/.test(String(resourceVersion));
  return isWhole || name === "service" ? object : undefined;
}

export function versionOf(object: JsonObject): string {
  return String(metadataOf(object)["resourceVersion"]);
}

export function markOf(object: JsonObject): unknown {
  return asObject(metadataOf(object)["annotations"])?.[markAnnotation];
}

/** Whether Kubernetes itself routes the Service, as far as this object tells. */
export function isManaged(name: Name, object: JsonObject): boolean {
  if (name === "service") {
    return Object.keys(asObject(asObject(object["spec"])?.["selector"]) ?? {}).length > 0;
  }
  // The endpoint controller marks what it writes for a Service with a selector (Kubernetes 1.33).
  const labels = asObject(metadataOf(object)["labels"]);
  return labels?.["endpoints.kubernetes.io/managed-by"] === "endpoint-controller";
}

/** Whether it names any address. */
export function isFilled(name: Name, object: JsonObject): boolean {
  const list = object[isSlice(name) ? "endpoints" : "subsets"];
  return Array.isArray(list) && list.length > 0;
}

/** What the object shall say; nothing of ours where `goal` is missing. */
export function wanted(
  route: Route,
  name: Exclude<Name, "service">,
  goal: Goal | undefined,
  isTerminating = false,
): JsonObject {
  const { service } = route;
  if (!isSlice(name)) {
    if (goal === undefined) return { subsets: [] };
    const address = { ip: service.podIps[0], ...nodeOf(service) };
    const key = goal.isReady ? "addresses" : "notReadyAddresses";
    return { ...marked(goal), subsets: [{ [key]: [address], ports: service.ports }] };
  }
  if (goal === undefined) return { endpoints: [] };
  const conditions = {
    ready: goal.isReady && !isTerminating,
    serving: goal.isReady,
    terminating: isTerminating,
  };
  const { pod } = route;
  const endpoint = {
    addresses: [addressOf(route, name)],
    conditions,
    ...nodeOf(service),
    ...(service.zone === undefined ? {} : { zone: service.zone }),
    ...(pod === undefined ? {} : { targetRef: { kind: "Pod", ...pod } }),
  };
  const labels = {
    "kubernetes.io/service-name": service.name,
    "endpointslice.kubernetes.io/managed-by": managedBy,
  };
  return {
    ...marked(goal, labels),
    addressType: name === "ipv4" ? "IPv4" : "IPv6",
    endpoints: [endpoint],
    ports: service.ports,
  };
}

/** Whether an object says all that, whatever it says beside; a list is never longer. */
export function covers(found: unknown, wish: unknown): boolean {
  if (Array.isArray(wish)) {
    const list: readonly unknown[] = Array.isArray(found) ? found : [];
    return list.length === wish.length && wish.every((item, at) => covers(list[at], item));
  }
  const members = asObject(wish);
  if (members === undefined) return found === wish;
  const object = asObject(found);
  return (
    object !== undefined && Object.keys(members).every((key) => covers(object[key], members[key]))
  );
}

/** The object as it was found, or a new one, with what it shall say. */
export function edited(
  route: Route,
  name: Name,
  found: JsonObject | undefined,
  wish: JsonObject,
): JsonObject {
  const own = metadataOf(wish);
  const metadata = metadataOf(found ?? { metadata: { name: placeOf(route, name)[1] } });
  const labels = { ...asObject(metadata["labels"]), ...asObject(own["labels"]) };
  const annotations = {
    ...asObject(metadata["annotations"]),
    [markAnnotation]: undefined,
    ...asObject(own["annotations"]),
  };
  return {
    apiVersion: isSlice(name) ? "discovery.k8s.io/v1" : "v1",
    kind: kinds[name],
    ...found,
    ...wish,
    metadata: { ...metadata, labels, annotations },
  };
}

function metadataOf(object: JsonObject): JsonObject {
  return asObject(object["metadata"]) ?? {};
}

function marked({ mark }: Goal, labels?: JsonObject): JsonObject {
  const annotations = { [markAnnotation]: mark };
  return { metadata: { annotations, ...(labels === undefined ? {} : { labels }) } };
}

function nodeOf({ nodeName }: Service): JsonObject {
  return nodeName === undefined ? {} : { nodeName };
}
