/** What reads badly as a story: sends and answers that cross, and clocks that do not go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveTiming } from "../../src/core/timing.ts";
import { bodyOf, confirmed, Elector, renewTimeOf, type Request } from "./elector.ts";
import { defaultTiming, leaseText, timeText } from "./leases.ts";

const { retryMs, killMs, stopMs, endMs } = defaultTiming;
const foreign = { holder: "b", acquireTime: timeText(3), renewTime: timeText(3) };

test("step() renews P after the last renewal was sent, however late its answer (S3)", () => {
  const elector = new Elector().lead();
  assert.equal(elector.wakeAt, retryMs);
  const { request } = elector.next();
  elector.ms += 1500;
  elector.confirm("8", request);
  assert.equal(elector.wakeAt, 2 * retryMs, "counted from the answer");
});

test("N5 step() counts H from the send, not from the answer (DL3)", () => {
  const elector = new Elector().lead();
  assert.equal(elector.killAt, killMs);
  const { request } = elector.next();
  elector.ms += 2500;
  assert.equal(elector.confirm("8", request).killAt, retryMs + killMs);
});

test("N6 step() opens no term by a claim whose answer comes after its own end", () => {
  const elector = new Elector().answer(404);
  elector.ms = stopMs;
  elector.confirm("7").report({ type: "tick" });
  assert.ok((elector.killAt ?? 0) <= killMs, "the term counts from the answer");
  elector.ms = killMs;
  assert.equal(elector.report({ type: "tick" }).killAt, undefined);
});

test("step() takes no late answer to a write that was given up", () => {
  const elector = new Elector().lead();
  const { request: first } = elector.next();
  const { request: second } = elector.fail().next();
  elector.answerTo(first, 200, confirmed(first, "8"));
  assert.equal(elector.killAt, killMs);
  elector.answerTo(second, 409, "").confirm("9", second);
  assert.equal(elector.killAt, killMs, "the answer to a write that was refused before");
});

test("N3 step() adopts by a read with that attempt's own send instant (S6)", () => {
  const elector = new Elector().lead();
  const attempts: Request[] = [];
  for (let tries = 0; tries < 3; tries++) {
    attempts.push((tries === 0 ? elector.next() : elector.retry()).request);
    elector.ms += 500;
    elector.fail(attempts[tries]);
  }
  const sentAt = retryMs + 500;
  elector.retry().answer(409);
  assert.equal(elector.request.method, "GET");
  elector.answer(200, confirmed(attempts[1]!, "8"));
  assert.equal(elector.killAt, sentAt + killMs);
  elector.retry();
  assert.equal(bodyOf(elector.request).metadata["resourceVersion"], "8", "the next write's base");
});

test("step() does not adopt by a read what it had confirmed before (S6)", () => {
  const elector = new Elector().lead();
  const { request } = elector.next();
  elector.confirm("8", request).next().answer(409);
  elector.answer(200, confirmed(request, "9"));
  assert.equal(elector.killAt, retryMs + killMs);
});

test("N3 N19 step() adopts after an outage of many attempts (L4)", () => {
  const durations = { leaseSeconds: 3600, renewDeadlineSeconds: 2400, retrySeconds: 2 };
  const elector = new Elector(deriveTiming(durations)).lead();
  const { request: applied } = elector.next();
  elector.ms += 3000;
  elector.fail();
  for (let tries = 0; tries < 100; tries++) {
    const { request } = elector.retry();
    elector.ms += 3000;
    elector.fail(request);
  }
  assert.ok(elector.ms < 400_000, "still long before G");
  elector.retry().answer(409).answer(200, confirmed(applied, "8"));
  assert.equal(elector.phase, "leading", "its own write of the outage's beginning was forgotten");
});

test("X6 step() loses the term to a renewTime that it never wrote (S6, DL7)", () => {
  const elector = new Elector().lead();
  const { request } = elector.next();
  elector.answer(409);
  const { spec } = bodyOf(request);
  const stranger = { ...bodyOf(request), spec: { ...spec, renewTime: timeText(59) } };
  elector.answer(200, confirmed({ ...request, body: JSON.stringify(stranger) }, "8"));
  assert.equal(elector.killAt, undefined);
});

test("N21 step() loses the term to a renewal's answer that names another", () => {
  const elector = new Elector().lead().next();
  elector.answer(200, leaseText({ ...foreign, version: "8" }));
  assert.equal(elector.killAt, undefined);
});

test("N21 step() takes no term from a claim's answer that names another (S2)", () => {
  const elector = new Elector().answer(404);
  elector.answer(201, leaseText({ ...foreign, version: "8" }));
  assert.equal(elector.killAt, undefined);
  assert.equal(elector.next().request.method, "GET", "a look comes before the next claim");
});

test("step() loses the term at once to a newer watch event (S4)", () => {
  for (const [type, parts] of [
    ["MODIFIED", foreign],
    ["MODIFIED", { acquireTime: timeText(3), renewTime: timeText(3) }],
    ["DELETED", foreign],
  ] as const) {
    const elector = new Elector().lead().event(type, leaseText({ ...parts, version: "8" }));
    assert.equal(elector.killAt, undefined, type);
  }
});

test("O1 step() loses the term to another uid, whatever else the record says (S4)", () => {
  const elector = new Elector().lead();
  const { request } = elector.next();
  const { metadata, ...rest } = bodyOf({ ...request, body: confirmed(request, "8") });
  const created = JSON.stringify({ ...rest, metadata: { ...metadata, uid: "uid-2" } });
  assert.equal(elector.confirm("8", request).event("MODIFIED", created).killAt, 2000 + killMs);
  elector.event("MODIFIED", created.replace('"8"', '"9"'));
  assert.equal(elector.killAt, undefined);
});

test("N23 step() takes no notice of watch events that are old (S4)", () => {
  const elector = new Elector().lead();
  for (const version of ["1", "6", "7"]) {
    for (const type of ["ADDED", "MODIFIED", "DELETED"]) {
      elector.event(type, leaseText({ ...foreign, version }));
      assert.equal(elector.killAt, killMs, `${type} ${version}`);
    }
  }
});

test("step() reads first when an event contradicts a write that is under way (S4)", () => {
  const elector = new Elector().lead();
  const { request: write } = elector.next();
  elector.event("MODIFIED", leaseText({ ...foreign, version: "8" }));
  assert.deepEqual(
    elector.effects.map((effect) => effect.type),
    ["abandon", "request"],
  );
  assert.equal(elector.request.method, "GET");
  elector.answer(200, confirmed(write, "9"));
  assert.equal(elector.killAt, retryMs + killMs, "the write was newer than the event");
});

test("N23 step() hears the watch's own stream only", () => {
  const elector = new Elector().lead();
  const { watch } = elector.election.memory;
  elector.report({ type: "answered", id: "route-1", status: 403, body: "" });
  elector.report({ type: "unanswered", id: "route-2", error: "timeout" });
  elector.report({ type: "ended", id: "watch-0" });
  elector.report({ type: "line", id: "watch-0", text: "{}" });
  elector.report({ type: "opened", id: "watch-0" });
  assert.deepEqual(elector.election.memory.watch, watch);
});

test("step() hears the watch's own stream only, while it waits", () => {
  const elector = new Elector().answer(200, leaseText(foreign));
  elector.report({ type: "opened", id: "watch-1" });
  const { watch } = elector.election.memory;
  elector.report({ type: "answered", id: "route-1", status: 200, body: "{}" });
  assert.deepEqual(elector.election.memory.watch, watch);
});

for (const [what, pace] of [
  ["frozen", 0],
  ["going back", -3_600_000],
  ["slow", 10],
] as const) {
  test(`C4 step() moves renewTime a second per write with a ${what} wall clock (S8)`, () => {
    const elector = new Elector().lead();
    const times: number[] = [];
    for (let version = 8; version < 20; version++) {
      elector.wallMs += pace;
      const { request } = elector.next();
      times.push(Date.parse(renewTimeOf(request)));
      if (version % 3 === 0) elector.fail(request);
      else elector.confirm(String(version), request);
    }
    for (const [index, time] of times.slice(1).entries()) {
      assert.ok(time - times[index]! >= 1000, `${times[index]} and then ${time}`);
    }
  });
}

for (const [retryAfterMs, least, most] of [
  [1000, 1000, 1000],
  [30_000, 2500, 2900],
  [0, 500, 500],
  [-1000, 500, 500],
  [1e12, 2500, 2900],
] as const) {
  test(`N18 step() waits ${retryAfterMs} ms as asked, but leaves attempts before G`, () => {
    const elector = new Elector().lead().next();
    elector.answer(429, "", retryAfterMs);
    const waitMs = elector.wakeAt - elector.ms;
    assert.ok(waitMs >= least && waitMs <= most, `${waitMs} ms`);
  });
}

test("N7 step() tries at least three times before G, on new connections (L6)", () => {
  for (const [lease, renew, retry] of [
    [15, 10, 2],
    [8, 5, 1],
    [5, 3, 1],
  ] as const) {
    const timing = deriveTiming({
      leaseSeconds: lease,
      renewDeadlineSeconds: renew,
      retrySeconds: retry,
    });
    const elector = new Elector(timing).lead().next();
    let attempts = 0;
    while (elector.ms < timing.stopMs) {
      const { timeoutMs, fresh } = elector.request;
      assert.equal(fresh, attempts === 0 ? undefined : true);
      attempts += 1;
      elector.ms += timeoutMs;
      elector.fail().retry();
    }
    assert.ok(attempts >= 3, `${attempts} attempts with ${lease}/${renew}/${retry}`);
  }
});

test("resign() looks first while a renewal is under way, and releases what it finds (I9)", () => {
  const elector = new Elector().lead();
  const { request } = elector.next();
  assert.deepEqual(elector.resign().effects[0], { type: "abandon", id: request.id });
  assert.equal(elector.request.method, "GET");
  const { metadata, spec } = bodyOf(elector.answer(200, confirmed(request, "8")).request);
  assert.deepEqual([metadata["resourceVersion"], spec["holderIdentity"]], ["8", ""]);
});

test("rejoin() settles a release that was not answered before it claims (S2, I9)", () => {
  const elector = new Elector().lead().resign();
  assert.equal(bodyOf(elector.request).spec["holderIdentity"], "");
  elector.fail();
  while (elector.phase === "releasing") {
    elector.wake();
    if (elector.effects.some(({ type }) => type === "request")) elector.fail();
  }
  assert.ok(elector.ms >= endMs);
  elector.rejoin();
  assert.equal(elector.request.method, "GET");
});

test("rejoin() begins anew with its patience, however often the leader had tried (L5)", () => {
  const elector = new Elector().lead();
  while (elector.phase === "leading") {
    elector.wake();
    if (elector.effects.some(({ type }) => type === "request")) elector.answer(403, "{}");
  }
  elector.rejoin();
  while (!elector.effects.some(({ type }) => type === "request")) elector.wake();
  elector.answer(403, "{}");
  const deniedMs = elector.ms;
  while (!elector.effects.some(({ type }) => type === "request")) elector.wake();
  assert.ok(elector.ms - deniedMs <= 1.2 * defaultTiming.retryMs, `${elector.ms - deniedMs} ms`);
});

test("O1 rejoin() claims at once after its own lease was deleted (I13)", () => {
  const elector = new Elector().lead();
  const { request } = elector.next();
  elector.confirm("8", request).event("DELETED", confirmed(request, "9"));
  assert.equal(elector.phase, "candidate");
  assert.equal(elector.rejoin().request.method, "POST");
});

test("O1 rejoin() waits where the deleted lease had become another's (I13)", () => {
  const elector = new Elector().lead().event("DELETED", leaseText({ ...foreign, version: "8" }));
  assert.equal(elector.phase, "candidate");
  assert.deepEqual(
    elector.rejoin().effects.filter(({ type }) => type === "request"),
    [],
  );
});

test("O8 rejoin() claims at once after its own lease was deleted with finalizers (I13)", () => {
  const elector = new Elector().lead();
  const { request } = elector.next();
  const dying = (version: string): string => {
    const { metadata, ...rest } = bodyOf({ ...request, body: confirmed(request, version) });
    const deletionTimestamp = "2026-01-01T00:00:01Z";
    return JSON.stringify({ ...rest, metadata: { ...metadata, deletionTimestamp } });
  };
  elector.confirm("8", request).event("MODIFIED", dying("9"));
  assert.equal(elector.phase, "leading");
  elector.event("DELETED", dying("10"));
  assert.equal(elector.rejoin().request.method, "POST");
});
