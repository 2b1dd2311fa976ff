/** The Service of a simulated run, as its readers see it. */
import type { ApiStore } from "../../src/api-server/store.ts";
import { parsed } from "./parsed.ts";
import type { World } from "./world.ts";

const endpoints = "/api/v1/namespaces/default/endpoints";
const slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

interface Subset {
  readonly addresses?: readonly { readonly ip: string }[];
  readonly notReadyAddresses?: readonly { readonly ip: string }[];
}

interface List {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly subsets?: readonly Subset[];
    readonly endpoints?: readonly { readonly addresses: readonly string[] }[] | null;
  }[];
}

/** Every address once, wherever it stands, ready or not. */
export function addressesIn(store: ApiStore): readonly string[] {
  const items = [endpoints, slices].flatMap((path) => {
    const answer = store.handle({ method: "GET", path }, 0);
    return "body" in answer ? (parsed(answer.body) as List).items : [];
  });
  const found = items.flatMap((item) => [
    ...(item.subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [] }) =>
      [...addresses, ...notReadyAddresses].map(({ ip }) => ip),
    ),
    ...(item.endpoints ?? []).flatMap(({ addresses }) => addresses),
  ]);
  return [...new Set(found)];
}

/** The variables of a Service, one in five runs. */
export function serviceVariables(world: World, stopSeconds: string): Record<string, string> {
  if (!world.chance(0.2)) return {};
  const delays = stopSeconds === "1" ? ["0"] : ["0", "0", "1"];
  return {
    K8S_AWAIT_ELECTION_SERVICE_NAME: "web",
    K8S_AWAIT_ELECTION_SERVICE_NAMESPACE: "default",
    K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: '[{"port":80}]',
    K8S_AWAIT_ELECTION_SERVICE_KIND: world.pick(["auto", "auto", "endpointslice", "endpoints"]),
    K8S_AWAIT_ELECTION_DRAIN_DELAY: world.pick(delays),
  };
}

/** No two pods have the same. */
export function podIp(name: string, generation: number, pods: number): string {
  return `10.${generation % 250}.${pods % 250}.${name.charCodeAt(0)}`;
}

/** Somebody deletes or changes what routes the Service. */
export function meddle(store: ApiStore, world: World): void {
  const path = `${slices}/web-await-election-ipv4`;
  const found = store.handle({ method: "GET", path }, 0);
  if (!("body" in found) || found.status !== 200) return;
  if (world.chance(0.5)) store.handle({ method: "DELETE", path }, 0);
  else {
    const body = JSON.stringify({ ...(parsed(found.body) as object), endpoints: [] });
    store.handle({ method: "PUT", path, body }, 0);
  }
}
