/** A Lease that is gone, and a view of it that is interrupted: seeds of the simulation, told in small. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMark } from "../../src/core/lease.ts";
import { confirmed, Elector } from "./elector.ts";
import { defaultTiming, leaseText, timeText } from "./leases.ts";

const { leaseMs, killMs } = defaultTiming;
const at = timeText(1);
const mark = formatMark({ incarnation: "other", podUid: "pod-2", pid1: true }, at);
const held = { holder: "b", acquireTime: at, renewTime: at, durationSeconds: 15, term: mark };

/** Saw another lead at 0, and the Lease deleted at 1000 ms. */
function bereft(): Elector {
  const elector = new Elector().answer(200, leaseText(held));
  elector.report({ type: "opened", id: "watch-1" });
  elector.ms = 1000;
  return elector.event("DELETED", leaseText({ ...held, version: "9" }));
}

/** The claim that comes when the wait is over. */
function claiming(): Elector {
  const elector = bereft();
  while (elector.phase === "candidate") {
    elector.wake();
    if (elector.phase === "candidate" && hasRequest(elector)) elector.answer(404);
  }
  assert.ok(elector.ms > 1000 + leaseMs);
  return elector;
}

function hasRequest(elector: Elector): boolean {
  return elector.effects.some(({ type }) => type === "request");
}

test("step() waits anew for a Lease that nobody could look for meanwhile (I13)", () => {
  const elector = bereft();
  elector.report({ type: "ended", id: "watch-1" });
  while (elector.ms < 1000 + 2 * leaseMs) {
    if (hasRequest(elector)) elector.fail();
    else elector.wake();
    assert.equal(elector.phase, "candidate", "a claim without a look");
  }
  while (!hasRequest(elector)) elector.wake();
  const seenMs = elector.ms;
  elector.answer(404);
  while (elector.phase === "candidate") {
    elector.wake();
    if (elector.phase === "candidate" && hasRequest(elector)) elector.answer(404);
  }
  assert.ok(elector.ms > seenMs + leaseMs, `claimed after ${elector.ms - seenMs} ms`);
});

test("step() opens no term by a creation during which another's Lease was seen (I13)", () => {
  const elector = claiming();
  const { request } = elector;
  elector.event("ADDED", leaseText({ ...held, uid: "uid-2", version: "11" }));
  elector.answerTo(request, 201, confirmed(request, "13"));
  assert.equal(elector.phase, "candidate");
});

test("step() waits for its own creation that was never answered (I13)", () => {
  const elector = claiming();
  const { request } = elector;
  elector.fail();
  while (!hasRequest(elector)) elector.wake();
  const seenMs = elector.ms;
  const late = confirmed(request, "13");
  elector.answer(200, late);
  assert.equal(elector.phase, "candidate");
  while (elector.phase === "candidate") {
    elector.wake();
    if (elector.phase === "candidate" && hasRequest(elector)) elector.answer(200, late);
  }
  assert.ok(elector.ms > seenMs + leaseMs, `claimed after ${elector.ms - seenMs} ms`);
});

test("step() takes a creation that was never answered for its own where it never saw a holder (L7)", () => {
  const elector = new Elector().answer(404);
  const { request } = elector;
  elector.fail();
  while (!hasRequest(elector)) elector.wake();
  elector.answer(200, confirmed(request, "7"));
  assert.equal(elector.phase, "claiming");
});

test("step() hears of its watch at H as well", () => {
  const elector = new Elector().lead();
  elector.report({ type: "ended", id: "watch-1" });
  while (elector.election.memory.watch.phase !== "opening") {
    elector.wake();
    if (hasRequest(elector)) elector.fail();
  }
  elector.ms = killMs;
  elector.report({ type: "unanswered", id: "watch-2", error: "timeout" });
  assert.equal(elector.phase, "candidate");
  assert.equal(elector.election.memory.watch.phase, "closed");
});

test("N14 step() looks again at once when a token is refused, whatever failed before", () => {
  const elector = new Elector();
  for (let failures = 0; failures < 8; failures++) {
    elector.fail();
    while (!hasRequest(elector)) elector.wake();
  }
  const { ms } = elector;
  elector.answer(401, "{}");
  while (!hasRequest(elector)) elector.wake();
  assert.equal(elector.ms, ms);
});
