import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiObject } from "../support/api-client.ts";
import { assertFailure, causesOf, endpointSlice, type ObjectInput, type Room } from "./room.ts";

export function endpointSliceTests(open: () => Room): void {
  for (const [title, content, field, text] of badSlices) {
    test(`create() answers 422 for an EndpointSlice with ${title}`, async () => {
      const room = open();
      const body = endpointSlice(room.name(), content);
      const answer = await room.call("POST", room.endpointSlices, body);
      assertFailure(answer, 422, "Invalid", text);
      assert.deepEqual(
        causesOf(answer).map((cause) => cause.field),
        [field],
      );
    });
  }

  for (const [title, given, stored] of sliceForms) {
    test(`create() stores an EndpointSlice with ${title}`, async () => {
      const made = await create(open(), given);
      const { addressType, endpoints, ports: storedPorts } = made;
      assert.deepEqual({ addressType, endpoints, ports: storedPorts }, stored);
    });
  }

  test("update() cannot change the address type of an EndpointSlice", async () => {
    const room = open();
    const made = await create(room, slice);
    const changed = { ...made, addressType: "IPv6" };
    const text = /addressType: Invalid value: "IPv6": field is immutable$/;
    assertFailure(await room.call("PUT", pathOf(room, made), changed), 422, "Invalid", text);
  });

  test("update() empties an EndpointSlice, and its ports stay", async () => {
    const room = open();
    const made = await create(room, slice);
    const { status, body } = await room.call("PUT", pathOf(room, made), { ...made, endpoints: [] });
    assert.equal(status, 200);
    assert.deepEqual([body["endpoints"], body["ports"]], [null, made["ports"]]);
  });

  test("update() of an EndpointSlice counts generations, but not those of annotations", async () => {
    const room = open();
    const made = await create(room, slice, { generation: 7 });
    const generations = [generationOf(made)];
    let current = made;
    for (const change of [
      {},
      { metadata: { annotations: { a: "b" } } },
      { metadata: { labels: { a: "b" } } },
      { endpoints: [] },
    ]) {
      const metadata = { ...current.metadata, ...change.metadata };
      const wanted = { ...current, ...change, metadata };
      const answer = await room.call("PUT", pathOf(room, made), wanted);
      assert.equal(answer.status, 200, answer.text);
      current = answer.body;
      generations.push(generationOf(current));
    }
    assert.deepEqual(generations, [1, 1, 1, 2, 3]);
  });

  test("update() of an EndpointSlice at another version than the present answers 409", async () => {
    const room = open();
    const made = await create(room, slice);
    const changed = { ...made, endpoints: [] };
    assert.equal((await room.call("PUT", pathOf(room, made), changed)).status, 200);
    const again = { ...made, endpoints: slice.endpoints, ports: [] };
    assert.equal((await room.call("PUT", pathOf(room, made), again)).status, 409);
  });
}

const ports = [{ port: 80 }];
const slice = { addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.1"] }], ports };
const storedPort = { name: "", protocol: "TCP", port: 80 };

type BadRow = readonly [title: string, given: ObjectInput, field: string, text: RegExp];

const badSlices: readonly BadRow[] = [
  ["no address type", {}, "addressType", /addressType: Required value$/],
  [
    "an unknown address type",
    { ...slice, addressType: "x" },
    "addressType",
    /Unsupported value: "x": supported values: "FQDN", "IPv4", "IPv6"$/,
  ],
  [
    "an address of the other family",
    { ...slice, addressType: "IPv6" },
    "endpoints[0].addresses",
    /Invalid value: "10.0.0.1": must be an IPv6 address$/,
  ],
  [
    "an endpoint without addresses",
    { ...slice, endpoints: [{}] },
    "endpoints[0].addresses",
    /Required value: must contain at least 1 address$/,
  ],
  [
    "an address that is none",
    { ...slice, endpoints: [{ addresses: ["a"] }] },
    "endpoints[0].addresses[0]",
    /Invalid value: "a": must be a valid IP address, \(e.g. 10.9.8.7 or 2001:db8::ffff\)$/,
  ],
  [
    "an address of IPv6 in capitals",
    { ...slice, addressType: "IPv6", endpoints: [{ addresses: ["FD00::1"] }] },
    "endpoints[0].addresses[0]",
    /Invalid value: "FD00::1": must be in canonical form \("fd00::1"\)$/,
  ],
  [
    "a loopback address",
    { ...slice, endpoints: [{ addresses: ["127.0.0.1"] }] },
    "endpoints[0].addresses[0]",
    /may not be in the loopback range \(127.0.0.0\/8, ::1\/128\)$/,
  ],
  [
    "a node that cannot be",
    { ...slice, endpoints: [{ addresses: ["10.0.0.1"], nodeName: "A_" }] },
    "endpoints[0].nodeName",
    /Invalid value: "A_": a lowercase RFC 1123 subdomain must consist/,
  ],
  [
    "a host name in capitals",
    { ...slice, endpoints: [{ addresses: ["10.0.0.1"], hostname: "Bad" }] },
    "endpoints[0].hostname",
    /Invalid value: "Bad": a lowercase RFC 1123 label must consist/,
  ],
  [
    "an unknown protocol",
    { ...slice, ports: [{ port: 1, protocol: "tcp" }] },
    "ports[0].protocol",
    /Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"$/,
  ],
  [
    "two ports without names",
    { ...slice, ports: [{ port: 1 }, { port: 2 }] },
    "ports[1].name",
    /ports\[1\].name: Duplicate value: ""$/,
  ],
  [
    "the name of a port in capitals",
    { ...slice, ports: [{ port: 1, name: "Bad" }] },
    "ports[0].name",
    /Invalid value: "Bad": a lowercase RFC 1123 label must consist/,
  ],
  [
    "an application protocol that is no name",
    { ...slice, ports: [{ port: 1, appProtocol: "a b" }] },
    "ports[0].appProtocol",
    /Invalid value: "a b": name part must consist of alphanumeric characters/,
  ],
];

const targetRef = { kind: "Pod", namespace: "default", name: "p", uid: "u" };
const conditions = { ready: false, serving: true, terminating: true };
const full = {
  addresses: ["fd00::1"],
  conditions,
  hostname: "h",
  targetRef,
  nodeName: "n",
  zone: "z",
  hints: { forZones: [{ name: "z" }] },
};
const fullPorts = [{ name: "http", protocol: "TCP", port: 80, appProtocol: "http" }];

const sliceForms: readonly (readonly [title: string, given: ObjectInput, stored: unknown])[] = [
  [
    "what is there by default",
    slice,
    {
      addressType: "IPv4",
      endpoints: [{ addresses: ["10.0.0.1"], conditions: {} }],
      ports: [storedPort],
    },
  ],
  [
    "no endpoints and no ports",
    { addressType: "IPv4", endpoints: [], ports: [] },
    { addressType: "IPv4", endpoints: null, ports: null },
  ],
  [
    "what a pod's address has, and unknown fields gone",
    { addressType: "IPv6", endpoints: [{ ...full, invented: 1 }], ports: fullPorts, invented: 1 },
    { addressType: "IPv6", endpoints: [full], ports: fullPorts },
  ],
];

async function create(
  room: Room,
  content: ObjectInput,
  metadata: ObjectInput = {},
): Promise<ApiObject> {
  const body = endpointSlice(room.name(), content, metadata);
  const answer = await room.call("POST", room.endpointSlices, body);
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

function pathOf(room: Room, { metadata }: ApiObject): string {
  return `${room.endpointSlices}/${metadata?.name}`;
}

function generationOf({ metadata }: ApiObject): unknown {
  return (metadata as Readonly<Record<string, unknown>>)["generation"];
}
