/** What the head of `protocol.ts` promises, under whatever a host may report. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { begin, type Program, step, wakeAt } from "../../src/core/program.ts";
import { type Facts, instant, type Now, type Report } from "../../src/core/protocol.ts";
import { Puppet } from "./puppet.ts";

const variables: Readonly<Record<string, string>> = {
  K8S_AWAIT_ELECTION_ENABLED: "1",
  K8S_AWAIT_ELECTION_NAME: "demo",
  K8S_AWAIT_ELECTION_LOCK_NAME: "demo",
  K8S_AWAIT_ELECTION_LOCK_NAMESPACE: "default",
  K8S_AWAIT_ELECTION_IDENTITY: "a",
};
const withService = {
  ...variables,
  K8S_AWAIT_ELECTION_SERVICE_NAME: "web",
  K8S_AWAIT_ELECTION_POD_IP: "10.1.2.3",
  K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: '[{"port":80}]',
  K8S_AWAIT_ELECTION_STATUS_ENDPOINT: ":9999",
  K8S_AWAIT_ELECTION_TAKEOVER_DELAY: "0",
  K8S_AWAIT_ELECTION_LOG_LEVEL: "debug",
};

const facts: fc.Arbitrary<Facts> = fc.record({
  seed: fc.nat(),
  incarnation: fc.constant("a".repeat(32)),
  variables: fc.constantFrom(variables, withService, withService, {
    ...variables,
    K8S_AWAIT_ELECTION_ON_LOSS: "exit",
    K8S_AWAIT_ELECTION_LOG_FORMAT: "json",
  }),
  hasCommand: fc.constant(true),
  podUid: fc.constant("pod-1"),
  hostName: fc.constant("host"),
  isPid1: fc.boolean(),
  abilities: fc.constant({ treeDiesWithHost: true, reapsOrphans: false, soleHolder: true }),
});
const numbers = fc.array(fc.nat(), { minLength: 20, maxLength: 250 });

interface Scene {
  readonly before: Program;
  readonly report: Report;
  readonly now: Now;
  readonly puppet: Puppet;
}

/** Plays arbitrary sequences, and checks what is so after every step. */
function forEveryStep(check: (scene: Scene) => void, numRuns: number): void {
  fc.assert(
    fc.property(facts, numbers, (some, choices) => {
      const puppet = new Puppet(some);
      let used = 0;
      const pick = (most: number): number => (choices[used++] ?? 0) % most;
      while (used < choices.length && puppet.program.name !== "finished") {
        check({ ...puppet.move(pick), puppet });
      }
    }),
    { numRuns },
  );
}

test("step() never throws, and reaches every phase of a life", () => {
  const reached = new Set<string>();
  forEveryStep(({ puppet: { program, orders } }) => {
    for (const { type } of orders) reached.add(type);
    if (program.name === "running") {
      reached.add(program.election.phase.name).add(program.command.name);
      if (program.routing !== undefined) reached.add(program.routing.phase.name);
    } else {
      reached.add(program.name);
    }
  }, 1500);
  const phases =
    "candidate claiming leading releasing idle arming starting running draining killing";
  const others = "publishing published withdrawing finished";
  const orders = "request watch abandon guard start signal kill listen reply print exit";
  for (const word of `${phases} ${others} ${orders}`.split(" ")) {
    assert.ok(reached.has(word), `no sequence reached ${word}`);
  }
});

test("step() gives orders that survive a JSON round trip, as the reports do", () => {
  forEveryStep(({ report, puppet: { orders } }) => {
    assert.deepEqual(roundTrip(orders), orders);
    assert.deepEqual(roundTrip(report), report);
  }, 300);
});

test("step() is a function of what it is given, and changes nothing of it", () => {
  forEveryStep(({ before, report, now, puppet: { program, orders } }) => {
    const again = step(frozen(before), frozen(report), frozen(now));
    assert.deepEqual(again, [program, ...orders]);
  }, 150);
});

test("step() goes on from a state that was stored as JSON", () => {
  forEveryStep(({ before, report, now, puppet: { program, orders } }) => {
    assert.deepEqual(step(roundTrip(before), report, now), [program, ...orders]);
  }, 150);
});

test("wakeAt() after at most three ticks is later than now, or there is nothing to wait for", () => {
  forEveryStep(({ now, puppet: { program } }) => {
    let ticked = program;
    let at = now.instant;
    for (let ticks = 0; ; ticks++) {
      const due = wakeAt(ticked);
      if (due === undefined || (ticks > 0 && due > at)) return;
      assert.ok(ticks <= 3, `asks for ticks without end at ${due}, now ${at}`);
      at = instant(Math.max(at, due));
      [ticked] = step(ticked, { type: "tick" }, { ...now, instant: at });
    }
  }, 300);
});

test("step() starts the command only behind a guard that is ready, and before G (S2, S3)", () => {
  forEveryStep(({ before, report, now, puppet: { orders, program } }) => {
    if (!orders.some(({ type }) => type === "start")) return;
    assert.ok(before.name === "running" && program.name === "running");
    assert.equal(report.type, "guardReady");
    assert.equal(program.election.phase.name, "leading");
    const { phase, settings } = program.election;
    assert.ok(phase.name === "leading");
    assert.ok(now.instant < phase.confirmedAt + settings.timing.stopMs - 1000);
    assert.ok(before.command.name === "arming", "a command is still there");
  }, 300);
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
