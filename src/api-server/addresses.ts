/** What holds of an address and of what stands beside it, whichever kind of object names it. */

import { BlockList, isIP } from "node:net";
import { type Cause, invalidField } from "./causes.ts";
import type { Field, Struct } from "./shapes.ts";

const string: Field = { shape: { type: "string" } };

export const objectReference: Struct = {
  type: "struct",
  name: "ObjectReference",
  fields: {
    kind: string,
    namespace: string,
    name: string,
    uid: string,
    apiVersion: string,
    resourceVersion: string,
    fieldPath: string,
  },
};

export const protocols: readonly string[] = ["SCTP", "TCP", "UDP"];

export const notAnAddress: string = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

/** Ranges that an endpoint may not be in; from `ValidateNonSpecialIP`. */
const specialRanges: readonly (readonly [text: string, range: BlockList])[] = [
  ["may not be unspecified (0.0.0.0)", subnets("0.0.0.0/32", "::/128")],
  ["may not be in the loopback range (127.0.0.0/8, ::1/128)", subnets("127.0.0.0/8", "::1/128")],
  [
    "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
    subnets("169.254.0.0/16", "fe80::/10"),
  ],
  [
    "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
    subnets("224.0.0.0/24", "ff02::/16"),
  ],
];

/** Why a valid address cannot be that of an endpoint. */
export function specialMisfits(ip: string, field: string): Cause[] {
  const family = isIP(ip) === 4 ? "ipv4" : "ipv6";
  return specialRanges
    .filter(([, range]) => range.check(ip, family))
    .map(([text]) => invalidField(field, ip, text));
}

function subnets(ipv4: string, ipv6: string): BlockList {
  const list = new BlockList();
  for (const subnet of [ipv4, ipv6]) {
    const [address = "", prefix] = subnet.split("/");
    list.addSubnet(address, Number(prefix), subnet === ipv4 ? "ipv4" : "ipv6");
  }
  return list;
}
