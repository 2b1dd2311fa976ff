/** The whole program under reports that only a broken or hostile world would make. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertBounded, live, settings } from "./hostile-lives.ts";
import { pickBy } from "./hostile-texts.ts";
import { HostileWorld } from "./hostile-world.ts";

test("step() never throws and keeps S2, S3, S4, S5 and S10, whatever the world answers", () => {
  const { reached, starts } = live({ steps: 400, lives: 400 });
  const phases =
    "candidate claiming leading releasing arming starting running draining killing over";
  for (const word of phases.split(" ")) assert.ok(reached.has(word), `no life reached ${word}`);
  assert.ok(starts > 250, `only ${starts} commands were started`);
});

test("C6 step() moves no deadline but by a confirmed write, though its clock goes backwards", () => {
  const { starts } = live({ steps: 300, lives: 300, isUnsteady: true });
  assert.ok(starts > 100, `only ${starts} commands were started`);
});

test("step() keeps a state of bounded size through 10 000 hostile reports", () => {
  const { starts } = live({ steps: 10_000, lives: 3, isEndless: true });
  assert.ok(starts > 30, `only ${starts} commands were started`);
});

test("N11 step() keeps a state of bounded size while addresses that change are refused", () => {
  const world = new HostileWorld(settings(1), pickBy(1));
  for (let tries = 0; tries < 10_000; tries++) {
    const request = world.orders.find((order) => order.type === "request");
    const error = `ECONNREFUSED 10.${tries % 200}.${Math.trunc(tries / 200)}.1:443`;
    if (request !== undefined) world.take({ type: "unanswered", id: request.id, error });
    else world.tick();
  }
  assertBounded(world.program);
});

test("N3 step() keeps a state of bounded size while no claim is ever answered", () => {
  const world = new HostileWorld(settings(0), pickBy(1));
  let claims = 0;
  for (let exchanges = 0; exchanges < 5000; exchanges++) {
    const request = world.orders.find((order) => order.type === "request");
    if (request === undefined) world.tick();
    else if (request.method === "GET") {
      world.take({ type: "answered", id: request.id, status: 404, body: "" });
    } else {
      claims += 1;
      world.take({ type: "unanswered", id: request.id, error: "timeout" });
    }
  }
  assert.ok(claims > 1000, `only ${claims} claims`);
  assertBounded(world.program);
});
