import assert from "node:assert/strict";
import { test } from "node:test";
import { assertFailure, causesOf, endpoints, type ObjectInput, type Room } from "./room.ts";

export function endpointsFieldTests(open: () => Room): void {
  for (const [title, subset, field, text] of badSubsets) {
    test(`create() answers 422 for Endpoints with ${title}`, async () => {
      const room = open();
      const answer = await room.call("POST", room.endpoints, endpoints(room.name(), [subset]));
      assertFailure(answer, 422, "Invalid", text);
      assert.equal(causesOf(answer)[0]?.field, field);
    });
  }

  for (const [title, given, stored] of subsetForms) {
    test(`create() stores Endpoints with ${title}`, async () => {
      const room = open();
      const body = endpoints(room.name(), given);
      const answer = await room.call("POST", room.endpoints, body);
      assert.equal(answer.status, 201, answer.text);
      assert.deepEqual(answer.body["subsets"], stored);
    });
  }
}

type BadRow = readonly [title: string, given: ObjectInput, field: string, text: RegExp];

const ports = [{ port: 80 }];

const badSubsets: readonly BadRow[] = [
  [
    "no addresses",
    { ports },
    "subsets[0]",
    /subsets\[0\]: Required value: must specify `addresses` or `notReadyAddresses`$/,
  ],
  [
    "an address that is none",
    { addresses: [{ ip: "a" }], ports },
    "subsets[0].addresses[0].ip",
    /Invalid value: "a": must be a valid IP address/,
  ],
  [
    "an address without ip",
    { notReadyAddresses: [{}], ports },
    "subsets[0].notReadyAddresses[0].ip",
    /Invalid value: "": must be a valid IP address/,
  ],
  [
    "a loopback address",
    { addresses: [{ ip: "127.0.0.1" }], ports },
    "subsets[0].addresses[0].ip",
    /may not be in the loopback range \(127.0.0.0\/8, ::1\/128\)$/,
  ],
  [
    "a loopback address of IPv6",
    { addresses: [{ ip: "::1" }], ports },
    "subsets[0].addresses[0].ip",
    /may not be in the loopback range/,
  ],
  [
    "a link-local address",
    { addresses: [{ ip: "169.254.1.1" }], ports },
    "subsets[0].addresses[0].ip",
    /may not be in the link-local range/,
  ],
  [
    "a link-local address of IPv6",
    { addresses: [{ ip: "fe80::1" }], ports },
    "subsets[0].addresses[0].ip",
    /may not be in the link-local range/,
  ],
  [
    "a multicast address",
    { addresses: [{ ip: "224.0.0.1" }], ports },
    "subsets[0].addresses[0].ip",
    /may not be in the link-local multicast range/,
  ],
  [
    "the unspecified address",
    { addresses: [{ ip: "0.0.0.0" }], ports },
    "subsets[0].addresses[0].ip",
    /may not be unspecified \(0.0.0.0\)$/,
  ],
  [
    "a host name with capitals",
    { addresses: [{ ip: "10.0.0.1", hostname: "Bad" }], ports },
    "subsets[0].addresses[0].hostname",
    /a lowercase RFC 1123 label must consist/,
  ],
  [
    "port 0",
    { addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 0 }] },
    "subsets[0].ports[0].port",
    /Invalid value: 0: must be between 1 and 65535, inclusive$/,
  ],
  [
    "port 65536",
    { addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 65_536 }] },
    "subsets[0].ports[0].port",
    /Invalid value: 65536: must be between 1 and 65535, inclusive$/,
  ],
  [
    "two ports without names",
    { addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 1 }, { port: 2 }] },
    "subsets[0].ports[0].name",
    /\[subsets\[0\].ports\[0\].name: Required value, subsets\[0\].ports\[1\].name: Required value\]$/,
  ],
  [
    "an unknown protocol",
    { addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 1, protocol: "tcp" }] },
    "subsets[0].ports[0].protocol",
    /Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"$/,
  ],
];

const targetRef = { kind: "Pod", namespace: "default", name: "p", uid: "u" };

const subsetForms: readonly (readonly [
  title: string,
  given: readonly object[],
  stored: unknown,
])[] = [
  ["no subsets", [], undefined],
  [
    "the protocol that is the default",
    [{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 80 }] }],
    [{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 80, protocol: "TCP" }] }],
  ],
  [
    "what a pod's address has, and unknown fields gone",
    [
      {
        addresses: [{ ip: "fd00::1", hostname: "", nodeName: "n", targetRef, invented: 1 }],
        invented: 1,
      },
    ],
    [{ addresses: [{ ip: "fd00::1", nodeName: "n", targetRef }] }],
  ],
  [
    "subsets and addresses neither merged nor sorted",
    [{ addresses: [{ ip: "10.0.0.2" }, { ip: "10.0.0.1" }] }, { addresses: [{ ip: "10.0.0.2" }] }],
    [{ addresses: [{ ip: "10.0.0.2" }, { ip: "10.0.0.1" }] }, { addresses: [{ ip: "10.0.0.2" }] }],
  ],
];
