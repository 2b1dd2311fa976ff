import assert from "node:assert/strict";
import { test } from "node:test";
import { callApi } from "../support/api-client.ts";
import { assertFailure, causesOf, type ObjectInput, type Room } from "./room.ts";

export function eventTests(open: () => Room): void {
  test("create() stores an Event", async () => {
    const room = open();
    const { name, body } = event(room);
    const answer = await room.call("POST", pathIn(room), body);
    assert.equal(answer.status, 201, answer.text);
    const { metadata, ...rest } = answer.body;
    assert.equal(metadata?.name, name);
    const { metadata: _, ...given } = body;
    assert.deepEqual(rest, {
      ...given,
      deprecatedSource: {},
      deprecatedFirstTimestamp: null,
      deprecatedLastTimestamp: null,
    });
    const read = await room.call("GET", `${pathIn(room)}/${name}`);
    assert.deepEqual(read.body, answer.body);
    assertFailure(
      await room.call("POST", pathIn(room), body),
      409,
      "AlreadyExists",
      `events.events.k8s.io "${name}" already exists`,
    );
  });

  for (const [title, change, field, text] of misfits) {
    test(`create() answers 422 for an Event with ${title}`, async () => {
      const room = open();
      const { name, body } = event(room, change);
      const answer = await room.call("POST", pathIn(room), body);
      assertFailure(answer, 422, "Invalid", `Event "${name}" is invalid: ${field}: ${text}`);
      assert.deepEqual(answer.body.details?.["kind"], "Event");
      assert.equal(causesOf(answer)[0]?.field, field);
    });
  }

  test("create() answers 400 for an Event whose time has not six digits", async () => {
    const room = open();
    const { body } = event(room, { eventTime: "2026-01-01T00:00:00Z" });
    const answer = await room.call("POST", pathIn(room), body);
    assertFailure(answer, 400, "BadRequest", /cannot be handled as a Event: parsing time /);
  });

  test("create() answers 403 to a stranger's Event", async (t) => {
    const room = open();
    const { stranger, namespace } = room.server;
    if (stranger === undefined) return t.skip("this server has no stranger");
    const answer = await callApi(stranger.access, "POST", pathIn(room), event(room).body);
    const what = `resource "events" in API group "events.k8s.io" in the namespace "${namespace}"`;
    const text = `events.events.k8s.io is forbidden: User "${stranger.user}" cannot create ${what}`;
    assertFailure(answer, 403, "Forbidden", text);
  });
}

function pathIn(room: Room): string {
  return `/apis/events.k8s.io/v1/namespaces/${room.server.namespace}/events`;
}

function event(room: Room, change: ObjectInput = {}): { name: string; body: ObjectInput } {
  const name = room.name();
  const { namespace } = room.server;
  const body = {
    kind: "Event",
    apiVersion: "events.k8s.io/v1",
    metadata: { name },
    eventTime: "2026-01-01T00:00:00.000000Z",
    reportingController: "k8s-await-election",
    reportingInstance: "web-0",
    action: "Claim",
    reason: "Leading",
    regarding: { kind: "Lease", namespace, name: "web", apiVersion: "coordination.k8s.io/v1" },
    note: "web-0: leading",
    type: "Normal",
    ...change,
  };
  return { name, body };
}

const tooLong = "x".repeat(129);
const limited = 'Invalid value: "": can have at most 128 characters';
const needed = "Required value";

const misfits: readonly (readonly [
  title: string,
  change: ObjectInput,
  field: string,
  text: string,
])[] = [
  ["no time", { eventTime: null }, "eventTime", needed],
  ["no instance", { reportingInstance: "" }, "reportingInstance", needed],
  ["an instance that is too long", { reportingInstance: tooLong }, "reportingInstance", limited],
  ["no action", { action: "" }, "action", needed],
  ["an action that is too long", { action: tooLong }, "action", limited],
  ["no reason", { reason: "" }, "reason", needed],
  ["a reason that is too long", { reason: tooLong }, "reason", limited],
  [
    "a note of more than 1024 bytes",
    { note: "€".repeat(342) },
    "message",
    'Invalid value: "": can have at most 1024 characters',
  ],
  ["another type", { type: "Other" }, "type", 'Invalid value: "": has invalid value: Other'],
  ["a count", { deprecatedCount: 3 }, "count", 'Invalid value: "": needs to be unset'],
  [
    "a source",
    { deprecatedSource: { component: "a" } },
    "source",
    'Invalid value: "": needs to be unset',
  ],
];
