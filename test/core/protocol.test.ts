/** What the head of `protocol.ts` promises, under whatever a host may report. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { begin, step, wakeAt } from "../../src/core/program.ts";
import { instant } from "../../src/core/protocol.ts";
import { facts, forEveryStep } from "./lives.ts";

test("step() never throws, and reaches every phase of a life", () => {
  const reached = new Set<string>();
  forEveryStep(
    () =>
      ({ puppet: { program, orders } }) => {
        for (const { type } of orders) reached.add(type);
        if (program.name === "running") {
          reached.add(program.election.phase.name).add(program.command.name);
          if (program.routing !== undefined) reached.add(program.routing.phase.name);
          if (program.readiness !== undefined) reached.add(program.readiness.name);
        } else {
          reached.add(program.name);
        }
      },
    1500,
  );
  const phases =
    "candidate claiming leading releasing idle arming starting running draining killing";
  const others = "pointing withdrawing resting asked finished";
  const orders = "request watch abandon guard start signal kill probe listen reply print exit";
  for (const word of `${phases} ${others} ${orders}`.split(" ")) {
    assert.ok(reached.has(word), `no sequence reached ${word}`);
  }
});

test("step() gives orders that survive a JSON round trip, as the reports do", () => {
  forEveryStep(
    () =>
      ({ report, puppet: { orders } }) => {
        assert.deepEqual(roundTrip(orders), orders);
        assert.deepEqual(roundTrip(report), report);
      },
    300,
  );
});

test("step() is a function of what it is given, and changes nothing of it", () => {
  forEveryStep(
    () =>
      ({ before, report, now, puppet: { program, orders } }) => {
        const again = step(frozen(before), frozen(report), frozen(now));
        assert.deepEqual(again, [program, ...orders]);
      },
    150,
  );
});

test("step() goes on from a state that was stored as JSON", () => {
  forEveryStep(
    () =>
      ({ before, report, now, puppet: { program, orders } }) => {
        // What is undefined in a state is absent from its text, and means the same.
        assert.deepEqual(
          roundTrip(step(roundTrip(before), report, now)),
          roundTrip([program, ...orders]),
        );
      },
    150,
  );
});

test("wakeAt() after at most three ticks is later than now, or there is nothing to wait for", () => {
  forEveryStep(
    () =>
      ({ now, puppet: { program } }) => {
        let ticked = program;
        let at = now.instant;
        for (let ticks = 0; ; ticks++) {
          const due = wakeAt(ticked);
          if (due === undefined || (ticks > 0 && due > at)) return;
          assert.ok(ticks <= 3, `asks for ticks without end at ${due}, now ${at}`);
          at = instant(Math.max(at, due));
          [ticked] = step(ticked, { type: "tick" }, { ...now, instant: at });
        }
      },
    300,
  );
});

test("begin() is a function of what it is given", () => {
  fc.assert(
    fc.property(facts, (some) => {
      const now = { instant: instant(0), wallMs: 0 };
      const begun = begin(frozen(some), now);
      assert.deepEqual(begin(roundTrip(some), now), begun);
      assert.deepEqual(roundTrip(begun.slice(1)), begun.slice(1));
    }),
  );
});

function roundTrip<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) frozen<unknown>(member);
  return value;
}
