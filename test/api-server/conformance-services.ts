import assert from "node:assert/strict";
import { test } from "node:test";
import { assertFailure, type ObjectInput, type Room } from "./room.ts";

export function serviceTests(open: () => Room): void {
  const create = async (spec: ObjectInput) => {
    const room = open();
    const metadata = { name: room.name() };
    const body = { apiVersion: "v1", kind: "Service", metadata, spec };
    return { room, metadata, answer: await room.call("POST", room.services, body) };
  };

  for (const [title, given, stored] of selectors) {
    test(`get() tells of a Service with ${title} whether it has a selector`, async () => {
      const { room, metadata, answer } = await create({
        clusterIP: "None",
        selector: given,
        ports,
      });
      assert.equal(answer.status, 201, answer.text);
      const { body } = await room.call("GET", `${room.services}/${metadata.name}`);
      assert.deepEqual([body.kind, body.spec?.["selector"]], ["Service", stored]);
    });
  }

  for (const [title, spec, text] of badSpecs) {
    test(`create() answers 422 for a Service with ${title}`, async () => {
      assertFailure((await create(spec)).answer, 422, "Invalid", text);
    });
  }
}

const ports = [{ port: 80 }];

const selectors: readonly (readonly [title: string, given: unknown, stored: unknown])[] = [
  ["a selector", { app: "web" }, { app: "web" }],
  ["none", undefined, undefined],
  ["an empty one", {}, undefined],
];

const badSpecs: readonly (readonly [title: string, spec: ObjectInput, text: RegExp])[] = [
  ["no ports", {}, /spec.ports: Required value$/],
  [
    "two ports without names",
    { ports: [{ port: 80 }, { port: 81 }] },
    /\[spec.ports\[0\].name: Required value, spec.ports\[1\].name: Required value\]$/,
  ],
  [
    "port 0",
    { ports: [{ port: 0 }] },
    /spec.ports\[0\].port: Invalid value: 0: must be between 1 and 65535, inclusive/,
  ],
  [
    "a selector that is none",
    { ports, selector: { "a b": "c" } },
    /spec.selector: Invalid value: "a b": name part must consist of alphanumeric characters/,
  ],
];
