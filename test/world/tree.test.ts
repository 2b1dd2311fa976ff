/** A simulated command dies as one in the kernel does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Machine } from "./machine.ts";
import { deathMs, Tree } from "./tree.ts";
import { World } from "./world.ts";

test("Tree lives on in uninterruptible sleep until the last of several sleeps ends", () => {
  const { world, tree } = scene();
  tree.stick(9000);
  world.run(1000);
  tree.stick(2000);
  tree.kill();
  world.run(9000 - 1);
  assert.equal(tree.isEmpty, false);
  world.run(9000 + deathMs);
  assert.equal(tree.isEmpty, true);
});

test("Tree that was sent SIGKILL falls into no sleep", () => {
  const { world, tree } = scene();
  tree.kill();
  tree.stick(9000);
  assert.ok(!(tree.stuckUntilMs > 0));
  world.run(deathMs);
  assert.equal(tree.isEmpty, true);
});

function scene(): { world: World; tree: Tree } {
  const world = new World(1);
  const machine = new Machine(world, { clockRate: 1, clockOffsetMs: 0, wallOffsetMs: 0 });
  const options = { owner: "a", isDeaf: true, hasDaemons: true, stopMs: 0, code: 0 };
  const tree = new Tree(world, machine, options, { exited: () => {}, emptied: () => {} });
  return { world, tree };
}
