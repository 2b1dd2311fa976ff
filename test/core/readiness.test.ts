/** Whether the command is ready, on virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../../src/core/notes.ts";
import { type Instant, instant, type Now } from "../../src/core/protocol.ts";
import * as readinesses from "../../src/core/readiness.ts";
import type { Probing } from "../../src/core/settings.ts";

const probing: Probing = {
  target: { by: "tcp", host: "127.0.0.1", port: 1 },
  periodMs: 1000,
  timeoutMs: 700,
  threshold: 3,
  startTimeoutMs: 10_000,
};

function at(ms: number): Now {
  return { instant: instant(ms), wallMs: ms };
}

/** A command that runs from 0 on, and answers each probe 10 ms later. */
class Stage {
  readiness: readinesses.Readiness = readinesses.begin(probing);
  ms = 0;
  readonly sentAtMs: number[] = [];
  readonly said: string[] = [];
  #asked: string | undefined;

  constructor() {
    this.#take(readinesses.probe(this.readiness, at(0)));
  }

  get isReady(): boolean {
    return readinesses.isReady(this.readiness);
  }

  answer(ok: boolean, tookMs: number = 10): this {
    const id = this.#asked;
    assert.ok(id !== undefined, "no probe is under way");
    this.#asked = undefined;
    this.ms += tookMs;
    const report = { type: "probed", id, ok, detail: ok ? "HTTP 200" : "HTTP 503" } as const;
    this.#take(readinesses.step(this.readiness, report, at(this.ms)));
    return this;
  }

  /** As far as the next probe. */
  wait(): this {
    assert.equal(this.#asked, undefined, "a probe is under way");
    this.ms = readinesses.wakeAt(this.readiness) ?? assert.fail("there is nothing to wait for");
    this.#take(readinesses.probe(this.readiness, at(this.ms)));
    return this;
  }

  rest(): readonly Effect[] {
    return this.#take(readinesses.rest(this.readiness));
  }

  #take([next, ...effects]: readonly [readinesses.Readiness, ...Effect[]]): readonly Effect[] {
    this.readiness = next;
    for (const effect of effects) {
      if (effect.type === "note") this.said.push(`${effect.level} ${effect.message}`);
      if (effect.type !== "probe") continue;
      assert.equal(this.#asked, undefined, "two probes at once");
      this.#asked = effect.id;
      this.sentAtMs.push(this.ms);
      assert.deepEqual([effect.target, effect.timeoutMs], [probing.target, 700]);
    }
    return effects;
  }
}

test("isReady() is true where nobody asks, and false where nobody has answered", () => {
  assert.ok(readinesses.isReady(undefined));
  assert.ok(!readinesses.isReady(readinesses.begin(probing)));
  assert.ok(!new Stage().isReady);
});

test("step() finds the command ready after one success, and asks once in a period then", () => {
  const stage = new Stage().answer(true);
  assert.ok(stage.isReady);
  for (let i = 0; i < 3; i++) stage.wait().answer(true);
  assert.deepEqual(stage.sentAtMs, [0, 1000, 2000, 3000]);
  assert.deepEqual(stage.said, ["info the command is ready"]);
});

test("step() asks more often at first, so that waiting adds a tenth at most", () => {
  const stage = new Stage();
  while (stage.ms < 9000) stage.answer(false).wait();
  const { sentAtMs } = stage;
  assert.deepEqual(sentAtMs.slice(0, 4), [0, 100, 200, 300]);
  for (const [index, sentMs] of sentAtMs.slice(1).entries()) {
    const pauseMs = sentMs - (sentAtMs[index] ?? 0);
    assert.ok(pauseMs >= 100 - 1e-9 && pauseMs <= Math.max(100, sentMs / 10), `${pauseMs}`);
  }
  assert.ok(sentAtMs.length < 40, `${sentAtMs.length} probes in nine seconds`);
});

test("step() goes on at once after a probe that took longer than the pause", () => {
  const stage = new Stage().answer(false, 700).wait().answer(true, 5000).wait();
  assert.deepEqual(stage.sentAtMs, [0, 700, 5700]);
});

test("step() takes so many failures in a row as a no, and says each change once", () => {
  const stage = new Stage().answer(true);
  for (const ok of [false, false, true, false, false]) stage.wait().answer(ok);
  assert.ok(stage.isReady, "two in a row are not three");
  stage.wait().answer(false);
  assert.ok(!stage.isReady);
  stage.wait().answer(false).wait().answer(true);
  assert.ok(stage.isReady);
  assert.deepEqual(stage.said, [
    "info the command is ready",
    "warn the command is not ready any more",
    "info the command is ready",
  ]);
});

test("L11 isOverdue() from the start timeout on, but never once it was ready", () => {
  const stage = new Stage();
  assert.equal(readinesses.wakeAt(stage.readiness), 10_000, "also while a probe is under way");
  assert.ok(!readinesses.isOverdue(stage.readiness, at(9999)));
  assert.ok(readinesses.isOverdue(stage.readiness, at(10_000)));
  stage.answer(true);
  for (let i = 0; i < 3; i++) stage.wait().answer(false);
  assert.ok(!stage.isReady);
  assert.ok(!readinesses.isOverdue(stage.readiness, at(1e9)));
  assert.equal(readinesses.wakeAt(stage.readiness), later(stage.sentAtMs.at(-1), 1000));
});

test("rest() ends the probe under way, and every term begins anew with a name of its own", () => {
  const stage = new Stage().answer(true).wait();
  assert.deepEqual(stage.rest(), [{ type: "abandon", id: "probe-2" }]);
  assert.ok(!stage.isReady);
  assert.deepEqual(stage.rest(), []);
  assert.equal(readinesses.wakeAt(stage.readiness), undefined);
  const late = { type: "probed", id: "probe-2", ok: true, detail: "" } as const;
  assert.equal(readinesses.step(stage.readiness, late, at(stage.ms))[0], stage.readiness);
  const [next, order] = readinesses.probe(stage.readiness, at(stage.ms));
  assert.deepEqual(order, { type: "probe", id: "probe-3", target: probing.target, timeoutMs: 700 });
  assert.equal(readinesses.step(next, late, at(stage.ms))[0], next, "an answer to another probe");
  assert.deepEqual(readinesses.rest({ ...next }).length, 2);
});

test("rest() between two probes has nothing to end", () => {
  assert.deepEqual(new Stage().answer(false).rest(), []);
});

test("detailOf() is what the last probe found", () => {
  const stage = new Stage();
  assert.equal(readinesses.detailOf(stage.readiness), "no probe has ended yet");
  assert.equal(readinesses.detailOf(stage.answer(false).readiness), "HTTP 503");
  assert.equal(readinesses.detailOf(stage.wait().answer(true).readiness), "HTTP 200");
});

function later(ms: number | undefined, more: number): Instant {
  return instant((ms ?? NaN) + more);
}
