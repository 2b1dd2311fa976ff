/** Events on the Lease, against a desk that keeps what is sent and answers as it is told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect, Note } from "../../src/core/notes.ts";
import { eventNote, note } from "../../src/core/notes.ts";
import * as notices from "../../src/core/notices.ts";
import { instant, type Now, type Order, type Report } from "../../src/core/protocol.ts";

type Request = Extract<Order, { type: "request" }>;

const source = {
  lock: { namespace: "default", name: "web" },
  identity: "web-0",
  pod: "web-0.pod",
  incarnation: "i".repeat(32),
};
const leading = eventNote("Leading", "Claim", note("info", "leading", { reason: "it was free" }));

class Desk {
  notices: notices.Notices;
  effects: readonly Effect[] = [];
  ms = 0;

  constructor(from: notices.Source = source) {
    this.notices = notices.begin(from, this.#now());
  }

  tell(told: Note = leading, leaseUid: string | undefined = "uid-1"): this {
    this.notices = notices.tell(this.notices, [told], leaseUid, this.#now());
    return this;
  }

  report(report: Report): this {
    const [next, ...effects] = notices.step(this.notices, report, this.#now());
    this.notices = next;
    this.effects = effects;
    return this;
  }

  answer(status: number, retryAfterMs?: number): this {
    const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
    return this.report({ type: "answered", id: this.request.id, status, body: "{}", ...retry });
  }

  /** To the next instant that they ask for. */
  wake(): this {
    this.ms = this.wakeAt ?? assert.fail("they ask for no tick");
    return this.report({ type: "tick" });
  }

  linger(): boolean {
    const lingering = notices.linger(this.notices, this.#now());
    if (lingering !== undefined) this.notices = lingering;
    return lingering !== undefined;
  }

  get wakeAt(): number | undefined {
    return notices.wakeAt(this.notices);
  }

  get requests(): readonly Request[] {
    return this.effects.filter((effect) => effect.type === "request");
  }

  get request(): Request {
    return this.requests[0] ?? assert.fail(`no request among ${JSON.stringify(this.effects)}`);
  }

  #now(): Now {
    return { instant: instant(this.ms), wallMs: Date.UTC(2026, 0, 1) + this.ms };
  }
}

function wallHex(ms: number): string {
  return (Date.UTC(2026, 0, 1) + ms).toString(16).padStart(12, "0");
}

function bodyOf({ body = "" }: Request): Record<string, unknown> {
  return JSON.parse(body) as Record<string, unknown>;
}

test("an Event is about the Lease, and comes after what matters more", () => {
  const desk = new Desk();
  assert.equal(desk.wakeAt, undefined, "who has nothing to tell sends nothing");
  desk.ms = 1000;
  assert.equal(desk.tell().wakeAt, 1250);
  const { method, path } = desk.wake().request;
  assert.deepEqual([method, path], ["POST", "/apis/events.k8s.io/v1/namespaces/default/events"]);
  assert.deepEqual(bodyOf(desk.request), {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { namespace: "default", name: `web.${wallHex(1000)}-${"i".repeat(12)}-1` },
    eventTime: "2026-01-01T00:00:01.000000Z",
    reportingController: "k8s-await-election",
    reportingInstance: "web-0.pod",
    regarding: {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      namespace: "default",
      name: "web",
      uid: "uid-1",
    },
    type: "Normal",
    reason: "Leading",
    action: "Claim",
    note: "web-0: leading: it was free",
  });
  assert.equal(desk.answer(201).wakeAt, undefined);
});

test("an Event of a deleted Lease is about the one that was", () => {
  const lost = eventNote("Lost", "Kill", note("error", "lost the lease", { reason: "deleted" }));
  const desk = new Desk().tell().wake().answer(201);
  // Not `undefined`, which would be the usual uid.
  desk.notices = notices.tell(desk.notices, [lost], undefined, {
    instant: instant(desk.ms),
    wallMs: 0,
  });
  const { regarding, type } = bodyOf(desk.wake().request);
  assert.equal((regarding as Record<string, unknown>)["uid"], "uid-1");
  assert.equal(type, "Warning");
});

test("notes without an Event are left to the log", () => {
  assert.equal(new Desk().tell(note("error", "lost")).wakeAt, undefined);
});

test("names and notes keep to the limits of the API", () => {
  const identity = "€".repeat(84);
  const { pod: _, ...rest } = source;
  const lock = { namespace: "default", name: `${"a".repeat(199)}.${"b".repeat(53)}` };
  const reason = "\u{1f600}".repeat(5000);
  const desk = new Desk({ ...rest, lock, identity });
  desk.tell(eventNote("Lost", "Kill", note("error", "lost the lease", { reason }))).wake();
  const { metadata, reportingInstance, note: text } = bodyOf(desk.request);
  const { name } = metadata as { name: string };
  assert.ok(name.length <= 253 && /^a+\.[0-9a-f]{12}-i+-1$/.test(name), name);
  assert.ok(Buffer.byteLength(String(reportingInstance)) <= 128);
  assert.ok(Buffer.byteLength(String(text)) <= 1024);
  const ascii = new Desk({ ...rest, identity: "x".repeat(253) }).tell().wake();
  assert.equal(bodyOf(ascii.request)["reportingInstance"], "x".repeat(128));
});

test("one POST at a time, in order, each under a name of its own", () => {
  const desk = new Desk().tell().tell().wake();
  assert.equal(desk.requests.length, 1);
  assert.equal(desk.wakeAt, undefined, "nothing is due while one is under way");
  const [first] = desk.requests;
  desk.answer(201);
  assert.notEqual(bodyOf(desk.request)["metadata"], bodyOf(first!)["metadata"]);
  assert.equal(desk.request.id, "event-2");
});

test("an Event that fails is tried again under the same name, ever later, and then dropped", () => {
  const desk = new Desk().tell().wake();
  const { body } = desk.request;
  const pauses: number[] = [];
  for (const status of [500, 503, 401, 429]) {
    const failedAt = desk.ms;
    desk.answer(status).wake();
    assert.equal(desk.request.body, body);
    pauses.push(desk.ms - failedAt);
  }
  assert.deepEqual(pauses, [2000, 4000, 8000, 16_000]);
  assert.equal(desk.answer(500).wakeAt, undefined);
});

test("an Event that is there already was made by an attempt whose answer was lost", () => {
  const desk = new Desk().tell().wake();
  desk.report({ type: "unanswered", id: desk.request.id, error: "timeout" }).wake();
  assert.equal(desk.answer(409).wakeAt, undefined);
});

test("a server that asks for patience gets a minute at most", () => {
  const desk = new Desk().tell().wake();
  desk.answer(429, 30_000);
  assert.equal(desk.wakeAt, 250 + 30_000);
  desk.wake().answer(429, 1e9);
  assert.equal(desk.wakeAt, 250 + 30_000 + 60_000);
});

test("an Event that is invalid is dropped, and the next one is sent", () => {
  const desk = new Desk().tell().tell().wake().answer(422);
  assert.equal(desk.request.id, "event-2");
});

test("Events that are forbidden are told once, and left alone for ten minutes", () => {
  const desk = new Desk().tell().tell().wake().answer(403);
  assert.deepEqual(
    desk.effects.map((effect) => effect.type === "note" && effect.message),
    ["Events are refused: none is written"],
  );
  assert.equal(desk.tell().wakeAt, undefined);
  desk.ms += 600_001;
  desk.tell().wake().answer(403);
  assert.deepEqual(desk.effects, [], "that is no news");
});

test("what comes too often is dropped", () => {
  const desk = new Desk();
  let sent = 0;
  for (let i = 0; i < 40; i++) {
    if (desk.tell().wakeAt === undefined) continue;
    desk.wake().answer(201);
    sent += 1;
  }
  assert.equal(sent, 10);
  desk.ms += 60_000;
  assert.equal(desk.tell().wake().requests.length, 1, "one a minute");
});

test("no more wait than a few while the server does not answer", () => {
  const desk = new Desk();
  for (let i = 0; i < 10; i++) desk.tell();
  assert.equal(desk.notices.waiting.length, 8);
});

test("the exit waits half a second at most, and for nothing that failed", () => {
  const desk = new Desk().tell();
  assert.ok(desk.linger());
  assert.equal(desk.wakeAt, 0, "what waits is sent at once");
  desk.wake();
  assert.ok(desk.linger());
  assert.equal(desk.wakeAt, 500);
  desk.ms = 499;
  assert.ok(desk.linger());
  desk.ms = 500;
  assert.ok(!desk.linger());

  assert.ok(!new Desk().linger(), "nothing to tell");
  const answered = new Desk().tell();
  answered.linger();
  assert.ok(!answered.wake().answer(201).linger(), "all is told");
  assert.ok(!new Desk().tell().wake().answer(500).linger(), "the server is not well");
});
