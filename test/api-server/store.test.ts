import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "../../src/api-server/replies.ts";
import type { ApiRequest } from "../../src/api-server/requests.ts";
import { ApiStore, type StoreOptions } from "../../src/api-server/store.ts";
import type { Stream } from "../../src/api-server/watch.ts";

const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const noonMs = Date.UTC(2024, 0, 2, 12);

test("handle() repeats a run exactly, uids and all", () => {
  assert.deepEqual(run({ seed: 7 }), run({ seed: 7 }));
  assert.notDeepEqual(run({ seed: 7 }), run({ seed: 8 }));
});

test("handle() stamps an object with the wall time that it is given", () => {
  const store = new ApiStore();
  const body = JSON.stringify({ metadata: { name: "a" } });
  const request = { method: "POST", path: leases, body };
  const answer = store.handle(request, Date.UTC(2040, 1, 29, 1, 2, 3, 999));
  assert.ok(answer.type === "answer");
  assert.equal(JSON.parse(answer.body).metadata.creationTimestamp, "2040-02-29T01:02:03Z");
});

test("handle() tells open watches of a change before it answers", () => {
  const store = new ApiStore();
  const told: string[] = [];
  const stream = openWatch(store, "");
  stream.start({ onLine: (text) => told.push(text), onEnd: () => told.push("end") });
  assert.equal(told.length, 0);
  create(store, "a", "one");
  assert.equal(told.length, 1);
});

test("handle() keeps what happens between the opening of a watch and its start", () => {
  const store = new ApiStore();
  create(store, "a", "one");
  const stream = openWatch(store, "");
  create(store, "b", "two");
  assert.deepEqual(listen(stream).summary(), ["ADDED a 1", "ADDED b 2"]);
});

test("handle() passes the client's timeout on to whoever has the clock", () => {
  const store = new ApiStore();
  assert.equal(openWatch(store, "&timeoutSeconds=300").timeoutMs, 300_000);
  assert.equal(openWatch(store, "&timeoutSeconds=0").timeoutMs, undefined);
});

test("close() of a stream ends it for good", () => {
  const store = new ApiStore();
  const stream = openWatch(store, "");
  const { lines } = listen(stream);
  stream.close();
  create(store, "a", "one");
  store.bookmark();
  assert.deepEqual(lines, []);
});

test("bookmark() sends the version to the watches that asked", () => {
  const store = new ApiStore();
  create(store, "a", "one");
  const asked = listen(openWatch(store, "&resourceVersion=1&allowWatchBookmarks=true"));
  const others = listen(openWatch(store, "&resourceVersion=1"));
  const path = "/api/v1/namespaces/default/endpoints";
  const body = JSON.stringify({ metadata: { name: "a" } });
  answerOf(store, { method: "POST", path, body });
  store.bookmark();
  const metadata = { resourceVersion: "2" };
  const object = { kind: "Lease", apiVersion: "coordination.k8s.io/v1", metadata, spec: {} };
  assert.deepEqual(asked.lines.map(parse), [{ type: "BOOKMARK", object }]);
  assert.deepEqual(others.lines, []);
});

test("compact() makes every earlier version too old, and breaks no open watch", () => {
  const store = new ApiStore();
  create(store, "a", "one");
  create(store, "b", "two");
  const before = listen(openWatch(store, "&resourceVersion=1"));
  store.compact();
  const late = listen(openWatch(store, "&resourceVersion=1"));
  assert.deepEqual(late.summary(), ["ERROR too old resource version: 1 (3)", "end"]);
  const current = listen(openWatch(store, "&resourceVersion=2"));
  create(store, "c", "three");
  assert.deepEqual(before.summary(), ["ADDED b 2", "ADDED c 3"]);
  assert.deepEqual(current.summary(), ["ADDED c 3"]);
});

test("handle() forgets the oldest changes by itself", () => {
  const store = new ApiStore({ historyLimit: 4 });
  for (const name of ["a", "b", "c", "d", "e"]) create(store, name, "one");
  // Of five changes, the newer half of the limit is kept.
  assert.deepEqual(listen(openWatch(store, "&resourceVersion=2")).summary(), [
    "ERROR too old resource version: 2 (4)",
    "end",
  ]);
  assert.deepEqual(listen(openWatch(store, "&resourceVersion=3")).summary(), [
    "ADDED d 4",
    "ADDED e 5",
  ]);
});

test("restore() goes back to old objects and versions, and ends all watches", () => {
  const store = new ApiStore();
  const created = create(store, "a", "one");
  const snapshot = store.snapshot();
  put(store, JSON.parse(created.body), "two");
  create(store, "b", "three");
  const watch = listen(openWatch(store, "&resourceVersion=3"));
  store.restore(snapshot);
  assert.deepEqual(watch.summary(), ["end"]);
  assert.equal(answerOf(store, { method: "GET", path: `${leases}/a` }).body, created.body);
  assert.equal(answerOf(store, { method: "GET", path: `${leases}/b` }).status, 404);
  assert.equal(JSON.parse(create(store, "c", "four").body).metadata.resourceVersion, "2");
});

test("admit() and revoke() decide who is let in", () => {
  const open = new ApiStore();
  assert.equal(answerOf(open, { method: "GET", path: leases }).status, 200);
  const store = new ApiStore({ tokens: { old: "replica" } });
  const statusWith = (token?: string) =>
    answerOf(store, { method: "GET", path: leases, ...(token === undefined ? {} : { token }) })
      .status;
  assert.deepEqual([statusWith(), statusWith("old"), statusWith("new")], [401, 200, 401]);
  store.admit("new", "replica");
  store.revoke("old");
  assert.deepEqual([statusWith(), statusWith("old"), statusWith("new")], [401, 401, 200]);
});

test("deny() takes one verb of one resource from one user, until it is lifted", () => {
  const store = new ApiStore({ tokens: { a: "a", b: "b" } });
  const lift = store.deny({ user: "a", verb: "watch", resource: "leases" });
  const statusOf = (token: string, path: string) =>
    store.handle({ method: "GET", path, token }, noonMs).status;
  assert.equal(statusOf("a", `${leases}?watch=true`), 403);
  assert.equal(statusOf("a", leases), 200);
  assert.equal(statusOf("b", `${leases}?watch=true`), 200);
  assert.equal(statusOf("a", "/api/v1/namespaces/default/endpoints?watch=true"), 200);
  lift();
  assert.equal(statusOf("a", `${leases}?watch=true`), 200);
});

test("handle() refuses dryRun rather than carry it out", () => {
  const store = new ApiStore();
  const body = JSON.stringify({ metadata: { name: "a" } });
  const request = { method: "POST", path: `${leases}?dryRun=All`, body };
  assert.equal(answerOf(store, request).status, 400);
  assert.equal(answerOf(store, { method: "GET", path: `${leases}/a` }).status, 404);
});

test("handle() answers any path without failing", () => {
  const store = new ApiStore();
  for (const path of ["", "/", "?", "/api", "/apis/", "//", "/%", `${leases}/%zz`, "/api/v1/x"]) {
    assert.ok([400, 404].includes(answerOf(store, { method: "GET", path }).status), path);
  }
});

function run(options: StoreOptions): readonly string[] {
  const store = new ApiStore(options);
  const stream = openWatch(store, "");
  const { lines } = listen(stream);
  const created = create(store, "a", "one");
  const replaced = put(store, JSON.parse(created.body), "two");
  const removed = answerOf(store, { method: "DELETE", path: `${leases}/a` });
  return [created, replaced, removed].map(({ body }) => body).concat(lines);
}

function answerOf(store: ApiStore, request: ApiRequest): Answer {
  const result = store.handle(request, noonMs);
  assert.ok(result.type === "answer");
  return result;
}

function create(store: ApiStore, name: string, holderIdentity: string): Answer {
  const body = JSON.stringify({ metadata: { name }, spec: { holderIdentity } });
  const answer = answerOf(store, { method: "POST", path: leases, body });
  assert.equal(answer.status, 201);
  return answer;
}

function put(store: ApiStore, lease: { metadata: { name: string } }, holder: string): Answer {
  const body = JSON.stringify({ ...lease, spec: { holderIdentity: holder } });
  const path = `${leases}/${lease.metadata.name}`;
  const answer = answerOf(store, { method: "PUT", path, body });
  assert.equal(answer.status, 200);
  return answer;
}

function openWatch(store: ApiStore, query: string): Stream {
  const result = store.handle({ method: "GET", path: `${leases}?watch=true${query}` }, noonMs);
  assert.ok(result.type === "stream");
  return result;
}

interface Listened {
  readonly lines: string[];
  /** Each event in a few words. */
  summary(): readonly string[];
}

function listen(stream: Stream): Listened {
  const lines: string[] = [];
  stream.start({ onLine: (text) => lines.push(text), onEnd: () => lines.push("end") });
  return { lines, summary: () => lines.map(inWords) };
}

function inWords(line: string): string {
  if (line === "end") return line;
  const { type, object } = parse(line);
  const { message, metadata } = object;
  return `${type} ${message ?? `${metadata.name} ${metadata.resourceVersion}`}`;
}

interface ParsedEvent {
  readonly type: string;
  readonly object: {
    readonly message?: string;
    readonly metadata: { readonly name?: string; readonly resourceVersion: string };
  };
}

function parse(line: string): ParsedEvent {
  return JSON.parse(line) as ParsedEvent;
}
