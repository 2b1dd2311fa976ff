/** Endpoints, v1. */

import { isIP } from "node:net";
import { notAnAddress, objectReference, protocols, specialMisfits } from "./addresses.ts";
import { type Cause, invalidField, misfitOf, requiredField, unsupportedField } from "./causes.ts";
import type { Draft } from "./json.ts";
import { type Kind, objectShape } from "./kind.ts";
import { labelMisfit, subdomainMisfit } from "./metadata.ts";
import type { Field, Struct } from "./shapes.ts";

const string: Field = { shape: { type: "string" } };
const keptString: Field = { shape: { type: "string" }, zero: "kept" };

const endpointAddress: Struct = {
  type: "struct",
  name: "EndpointAddress",
  fields: {
    ip: { shape: { type: "string" }, zero: "written" },
    hostname: string,
    nodeName: keptString,
    targetRef: { shape: objectReference },
  },
};

const endpointPort: Struct = {
  type: "struct",
  name: "EndpointPort",
  fields: {
    name: string,
    port: { shape: { type: "int32" }, zero: "written" },
    protocol: { shape: { type: "string" }, fallback: "TCP" },
    appProtocol: keptString,
  },
};

const endpointSubset: Struct = {
  type: "struct",
  name: "EndpointSubset",
  fields: {
    addresses: { shape: { type: "list", of: endpointAddress } },
    notReadyAddresses: { shape: { type: "list", of: endpointAddress } },
    ports: { shape: { type: "list", of: endpointPort } },
  },
};

export const endpointsKind: Kind = {
  group: "",
  version: "v1",
  resource: "endpoints",
  kind: "Endpoints",
  storagePath: "services/endpoints",
  allowUnconditionalUpdate: true,
  shape: objectShape("Endpoints", { subsets: { shape: { type: "list", of: endpointSubset } } }),
  misfits: endpointsMisfits,
};

interface Subset {
  readonly addresses?: readonly Address[];
  readonly notReadyAddresses?: readonly Address[];
  readonly ports?: readonly Port[];
}

interface Address {
  readonly ip: string;
  readonly hostname?: string;
  readonly nodeName?: string;
}

interface Port {
  readonly name?: string;
  readonly port: number;
  readonly protocol: string;
}

function endpointsMisfits(draft: Draft): Cause[] {
  // The shape has seen to it that these are the fields and their types.
  const subsets = (draft["subsets"] ?? []) as unknown as readonly Subset[];
  return subsets.flatMap((subset, index) => {
    const field = `subsets[${index}]`;
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
    if (addresses.length + notReadyAddresses.length === 0) {
      return [requiredField(field, "must specify `addresses` or `notReadyAddresses`")];
    }
    return [
      ...addresses.flatMap((address, i) => addressMisfits(address, `${field}.addresses[${i}]`)),
      ...notReadyAddresses.flatMap((address, i) =>
        addressMisfits(address, `${field}.notReadyAddresses[${i}]`),
      ),
      ...ports.flatMap((port, i) => portMisfits(port, ports.length > 1, `${field}.ports[${i}]`)),
    ];
  });
}

function addressMisfits({ ip, hostname, nodeName }: Address, field: string): Cause[] {
  const causes = ipMisfits(ip, `${field}.ip`);
  if (hostname !== undefined) {
    causes.push(...misfitOf(`${field}.hostname`, hostname, labelMisfit(hostname)));
  }
  if (nodeName !== undefined) {
    causes.push(...misfitOf(`${field}.nodeName`, nodeName, subdomainMisfit(nodeName)));
  }
  return causes;
}

function ipMisfits(ip: string, field: string): Cause[] {
  if (isIP(ip) !== 0) return specialMisfits(ip, field);
  // Two checks of the real server find the same fault, each in its own words.
  return [notAnAddress, "must be a valid IP address"].map((text) => invalidField(field, ip, text));
}

function portMisfits(given: Port, needsName: boolean, field: string): Cause[] {
  const { name, port, protocol } = given;
  const causes: Cause[] = [];
  if (name !== undefined) causes.push(...misfitOf(`${field}.name`, name, labelMisfit(name)));
  else if (needsName) causes.push(requiredField(`${field}.name`));
  if (!(1 <= port && port <= 65_535)) {
    causes.push(invalidField(`${field}.port`, port, "must be between 1 and 65535, inclusive"));
  }
  if (!protocols.includes(protocol)) {
    causes.push(unsupportedField(`${field}.protocol`, protocol, protocols));
  }
  return causes;
}
