/**
 * Service, v1, for who looks whether it has a selector: without the addresses and the defaults that a
 * real server gives it.
 */

import { type Cause, invalidField, misfitOf, requiredField } from "./causes.ts";
import type { Draft } from "./json.ts";
import { type Kind, objectShape } from "./kind.ts";
import { labelMisfit, qualifiedNameMisfit } from "./metadata.ts";
import type { Field, Struct } from "./shapes.ts";

const string: Field = { shape: { type: "string" } };

const servicePort: Struct = {
  type: "struct",
  name: "ServicePort",
  fields: {
    name: string,
    protocol: { shape: { type: "string" }, fallback: "TCP" },
    appProtocol: { shape: { type: "string" }, zero: "kept" },
    port: { shape: { type: "int32" }, zero: "written" },
  },
};

export const serviceKind: Kind = {
  group: "",
  version: "v1",
  resource: "services",
  kind: "Service",
  storagePath: "services/specs",
  allowUnconditionalUpdate: true,
  shape: objectShape("Service", {
    spec: {
      shape: {
        type: "struct",
        name: "ServiceSpec",
        fields: {
          ports: { shape: { type: "list", of: servicePort } },
          selector: { shape: { type: "map" } },
          clusterIP: string,
        },
      },
      zero: "written",
    },
  }),
  misfits: serviceMisfits,
};

interface Spec {
  readonly ports?: readonly { readonly name?: string; readonly port: number }[];
  readonly selector?: Readonly<Record<string, string>>;
  readonly clusterIP?: string;
}

function serviceMisfits(draft: Draft): Cause[] {
  // The shape has seen to it that these are the fields and their types.
  const { ports = [], selector = {}, clusterIP } = draft["spec"] as Spec;
  const field = "spec.ports";
  const causes: Cause[] = [];
  if (ports.length === 0 && clusterIP !== "None") causes.push(requiredField(field));
  for (const [i, { name, port }] of ports.entries()) {
    if (name === undefined && ports.length > 1) causes.push(requiredField(`${field}[${i}].name`));
    if (name !== undefined)
      causes.push(...misfitOf(`${field}[${i}].name`, name, labelMisfit(name)));
    if (1 <= port && port <= 65_535) continue;
    for (const member of ["port", "targetPort"]) {
      const text = "must be between 1 and 65535, inclusive";
      causes.push(invalidField(`${field}[${i}].${member}`, port, text));
    }
  }
  for (const key of Object.keys(selector)) {
    causes.push(...misfitOf("spec.selector", key, qualifiedNameMisfit(key)));
  }
  return causes;
}
