/** The library's program alone: what only an exact moment shows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../src/core/protocol.ts";
import { deriveTiming } from "../../src/core/timing.ts";
import * as programs from "../../src/library/program/campaigning.ts";
import type { Report } from "../../src/library/program/protocol.ts";

const timing = deriveTiming({ leaseSeconds: 15, renewDeadlineSeconds: 10, retrySeconds: 2 });
const settings = {
  namespace: "default",
  name: "demo",
  timing,
  self: {
    identity: "a",
    mark: { incarnation: "me", podUid: "", pid1: false },
    soleHolder: false,
    strict: false,
  },
  about: {},
};
const at = (ms: number) => ({ instant: instant(ms), wallMs: Date.UTC(2026, 0, 1) + ms });

test("S2 a claim that is answered late starts no function before a renewal", () => {
  let [state, ...effects] = programs.begin(settings, 1, { type: "join", rejoin: false }, at(0));
  const step = (report: Report, ms: number) => {
    [state, ...effects] = programs.step(state, report, at(ms));
  };
  const asked = () => effects.find((effect) => effect.type === "request")!;
  const applied = (version: number): Report => {
    const { id, body = "" } = asked();
    const lease = JSON.parse(body) as { metadata: object };
    const metadata = { ...lease.metadata, uid: "u", resourceVersion: String(version) };
    return { type: "answered", id, status: 200, body: JSON.stringify({ ...lease, metadata }) };
  };
  const runs = () => effects.some(({ type }) => type === "run");
  step({ type: "answered", id: asked().id, status: 404, body: "" }, 1);
  const lateMs = 1 + timing.stopMs - 999;
  const claimed = applied(5);
  step(claimed, lateMs);
  assert.equal(runs(), false, "less than a second is left before G");
  step({ type: "tick" }, lateMs + 1);
  const renewed = applied(6);
  step(renewed, lateMs + 10);
  assert.equal(runs(), true);
});

test("a report that cannot be is a bug, not the world's doing", () => {
  const [state] = programs.begin(settings, 1, { type: "join", rejoin: false }, at(0));
  assert.throws(
    () => programs.step(state, { type: "settled", isFailed: false }, at(1)),
    /no function runs/,
  );
  assert.throws(
    () => programs.step(state, { type: "join", rejoin: false }, at(1)),
    /campaigns already/,
  );
});
