/** The start gate and the stop ladder, where a story would need too exact a clock. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as commands from "../../src/core/command.ts";
import { instant, type Now } from "../../src/core/protocol.ts";

const until = { stopAt: instant(10_000), killAt: instant(11_000) };
const ready = { type: "guardReady", at: until.killAt } as const;

function at(ms: number): Now {
  return { instant: instant(ms), wallMs: ms };
}

test("step() starts with more than a second left before G, and not later (S2)", () => {
  const [arming, ...orders] = commands.arm({ A: "1" }, until);
  assert.deepEqual(orders, [{ type: "guard", at: 11_000 }]);
  const [, ...inTime] = commands.step(arming, ready, at(8999));
  assert.deepEqual(inTime, [{ type: "start", addEnv: { A: "1" } }]);
  const [late, ...none] = commands.step(arming, ready, at(9000));
  assert.deepEqual([late.name, none], ["arming", []]);
});

test("step() starts for the guard of this very deadline only (S2, S3)", () => {
  const [arming] = commands.arm({}, until);
  const [next, ...orders] = commands.step(arming, { ...ready, at: instant(1) }, at(0));
  assert.deepEqual([next.name, orders], ["arming", []]);
});

test("prolong() waits for the guard of the new deadline before it starts (S2, S3)", () => {
  const [arming] = commands.arm({}, until);
  const longer = { stopAt: instant(12_000), killAt: instant(13_000) };
  const [prolonged, ...orders] = commands.prolong(arming, longer, at(9500));
  assert.deepEqual(orders, [{ type: "guard", at: 13_000 }]);
  assert.equal(commands.step(prolonged, ready, at(9600)).length, 1, "the old guard is no guard");
  const [started] = commands.step(prolonged, { ...ready, at: longer.killAt }, at(9600));
  assert.equal(started.name, "starting");
});

test("drain() asks once, and the tree is killed when its time is over", () => {
  const [arming] = commands.arm({}, until);
  const [starting] = commands.step(arming, ready, at(0));
  const [draining, ...asked] = commands.drain(starting, "SIGTERM", 500, at(100));
  assert.deepEqual(asked, [{ type: "signal", signal: "SIGTERM" }]);
  assert.equal(commands.wakeAt(draining), 600);
  assert.equal(commands.step(draining, { type: "tick" }, at(599)).length, 1);
  const [killing, ...orders] = commands.step(draining, { type: "tick" }, at(600));
  assert.equal(killing.name, "killing");
  assert.deepEqual(orders[0], { type: "kill" });
});

test("step() is over only when the tree is verified empty, whatever ended before (S5)", () => {
  const [arming] = commands.arm({}, until);
  const [starting] = commands.step(arming, ready, at(0));
  const [killing, , ...orders] = commands.step(starting, { type: "exited", code: 3 }, at(1));
  assert.deepEqual(orders, [{ type: "kill" }]);
  assert.ok(!commands.isEmpty(killing));
  const [over, ...off] = commands.step(killing, { type: "emptied" }, at(2));
  assert.ok(commands.isEmpty(over));
  assert.deepEqual(over, { name: "over", end: { how: "code", code: 3 } });
  assert.deepEqual(off, [{ type: "guard" }]);
});
