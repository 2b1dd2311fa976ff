/** EndpointSlice, discovery.k8s.io/v1. */

import { isIP, SocketAddress } from "node:net";
import { notAnAddress, objectReference, protocols, specialMisfits } from "./addresses.ts";
import {
  type Cause,
  duplicateField,
  invalidField,
  misfitOf,
  requiredField,
  unsupportedField,
} from "./causes.ts";
import type { Draft } from "./json.ts";
import { type Kind, objectShape } from "./kind.ts";
import { labelMisfit, qualifiedNameMisfit, subdomainMisfit } from "./metadata.ts";
import type { Field, Struct } from "./shapes.ts";

const keptString: Field = { shape: { type: "string" }, zero: "kept" };
const keptBoolean: Field = { shape: { type: "boolean" }, zero: "kept" };
const named: Struct = {
  type: "struct",
  name: "ForZone",
  fields: { name: { shape: { type: "string" }, zero: "written" } },
};

const endpoint: Struct = {
  type: "struct",
  name: "Endpoint",
  fields: {
    addresses: { shape: { type: "list", of: { type: "string" } }, zero: "written" },
    conditions: {
      shape: {
        type: "struct",
        name: "EndpointConditions",
        fields: { ready: keptBoolean, serving: keptBoolean, terminating: keptBoolean },
      },
      zero: "written",
    },
    hostname: keptString,
    targetRef: { shape: objectReference },
    deprecatedTopology: { shape: { type: "map" } },
    nodeName: keptString,
    zone: keptString,
    hints: {
      shape: {
        type: "struct",
        name: "EndpointHints",
        fields: {
          forZones: { shape: { type: "list", of: named } },
          forNodes: { shape: { type: "list", of: { ...named, name: "ForNode" } } },
        },
      },
    },
  },
};

const endpointPort: Struct = {
  type: "struct",
  name: "EndpointPort",
  fields: {
    name: { shape: { type: "string" }, zero: "written" },
    protocol: { shape: { type: "string" }, fallback: "TCP" },
    port: { shape: { type: "int32" }, zero: "kept" },
    appProtocol: keptString,
  },
};

export const endpointSliceKind: Kind = {
  group: "discovery.k8s.io",
  version: "v1",
  resource: "endpointslices",
  kind: "EndpointSlice",
  storagePath: "endpointslices",
  allowUnconditionalUpdate: true,
  hasGeneration: true,
  shape: objectShape("EndpointSlice", {
    addressType: { shape: { type: "string" }, zero: "written" },
    endpoints: { shape: { type: "list", of: endpoint }, zero: "written" },
    ports: { shape: { type: "list", of: endpointPort }, zero: "written" },
  }),
  misfits: sliceMisfits,
};

const addressTypes = ["FQDN", "IPv4", "IPv6"];

interface Slice {
  readonly addressType: string;
  readonly endpoints: readonly Endpoint[] | null;
  readonly ports: readonly Port[] | null;
}

interface Endpoint {
  readonly addresses: readonly string[] | null;
  readonly hostname?: string;
  readonly nodeName?: string;
}

interface Port {
  readonly name: string;
  readonly protocol: string;
  readonly appProtocol?: string;
}

function sliceMisfits(draft: Draft, before?: Draft): Cause[] {
  // The shape has seen to it that these are the fields and their types.
  const { addressType, endpoints, ports } = draft as unknown as Slice;
  const field = "addressType";
  if (before !== undefined && before[field] !== addressType) {
    return [invalidField(field, addressType, "field is immutable")];
  }
  if (addressType === "") return [requiredField(field)];
  if (!addressTypes.includes(addressType)) {
    return [unsupportedField(field, addressType, addressTypes)];
  }
  return [
    ...(endpoints ?? []).flatMap((it, i) => endpointMisfits(it, addressType, `endpoints[${i}]`)),
    ...(ports ?? []).flatMap((port, i, all) => {
      const isTwice = all.findIndex(({ name }) => name === port.name) < i;
      return portMisfits(port, isTwice, `ports[${i}]`);
    }),
  ];
}

function endpointMisfits(given: Endpoint, addressType: string, field: string): Cause[] {
  const { hostname, nodeName } = given;
  const addresses = given.addresses ?? [];
  const causes: Cause[] = [];
  if (addresses.length === 0) {
    causes.push(requiredField(`${field}.addresses`, "must contain at least 1 address"));
  }
  for (const [i, address] of addresses.entries()) {
    causes.push(...addressMisfits(address, addressType, `${field}.addresses`, i));
  }
  if (nodeName !== undefined) {
    causes.push(...misfitOf(`${field}.nodeName`, nodeName, subdomainMisfit(nodeName)));
  }
  if (hostname !== undefined) {
    causes.push(...misfitOf(`${field}.hostname`, hostname, labelMisfit(hostname)));
  }
  return causes;
}

function addressMisfits(ip: string, addressType: string, list: string, index: number): Cause[] {
  const field = `${list}[${index}]`;
  if (addressType === "FQDN") return misfitOf(field, ip, subdomainMisfit(ip));
  const family = isIP(ip);
  if (family === 0) return [invalidField(field, ip, notAnAddress)];
  const canonical = new SocketAddress({ address: ip, family: family === 4 ? "ipv4" : "ipv6" })
    .address;
  if (canonical !== ip) {
    const text = `must be in canonical form (${JSON.stringify(canonical)})`;
    return [invalidField(field, ip, text)];
  }
  if (addressType !== `IPv${family}`) {
    return [invalidField(list, ip, `must be an ${addressType} address`)];
  }
  return specialMisfits(ip, field);
}

function portMisfits(port: Port, isTwice: boolean, field: string): Cause[] {
  const { name, protocol, appProtocol } = port;
  const causes: Cause[] = [];
  if (name !== "") causes.push(...misfitOf(`${field}.name`, name, labelMisfit(name)));
  if (isTwice) causes.push(duplicateField(`${field}.name`, name));
  if (!protocols.includes(protocol)) {
    causes.push(unsupportedField(`${field}.protocol`, protocol, protocols));
  }
  if (appProtocol !== undefined) {
    const misfit = qualifiedNameMisfit(appProtocol);
    causes.push(...misfitOf(`${field}.appProtocol`, appProtocol, misfit));
  }
  return causes;
}
