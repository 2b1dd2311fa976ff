/** What S1 excuses, and what it does not: an overlap by hand, no program in it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../src/core/protocol.ts";
import { deriveTiming } from "../../src/core/timing.ts";
import { Exclusion } from "./checkers/exclusion.ts";
import { type Book, Ledger } from "./checkers/ledger.ts";
import { Verdicts } from "./checkers/verdicts.ts";
import { Machine } from "./machine.ts";
import type { Commit } from "./server.ts";
import { Tree } from "./tree.ts";
import type { Process } from "./witness.ts";
import { World } from "./world.ts";

const timing = deriveTiming({ leaseSeconds: 5, renewDeadlineSeconds: 3, retrySeconds: 1 });
const lease = {} as NonNullable<Commit["after"]>;

test("Exclusion finds two commands at once", () => {
  const scene = new Scene();
  scene.starts("a");
  scene.starts("b");
  assert.equal(scene.violations, 1);
});

test("Exclusion excuses uninterruptible sleep, and nothing after it", () => {
  for (const [livesMs, violations] of [
    [1200, 0],
    [2000, 1],
  ] as const) {
    const scene = new Scene();
    scene.starts("a").stick(1000);
    scene.passes(900);
    scene.starts("b");
    scene.passes(livesMs - 900);
    scene.ends("a");
    assert.equal(scene.violations, violations, `${livesMs} ms`);
  }
});

test("Exclusion excuses a deletion only where a process created the Lease that never saw it", () => {
  for (const [sawHolderAtMs, violations] of [
    [undefined, 0],
    [50, 1],
  ] as const) {
    const scene = new Scene();
    scene.starts("a");
    scene.book("b").sawHolderAtMs = sawHolderAtMs;
    scene.passes(100);
    scene.deletes();
    scene.creates("b");
    // Who starts then is another one: the new Lease was released.
    scene.starts("c");
    assert.equal(scene.violations, violations);
  }
});

test("Exclusion excuses a deletion between a claim and the start that follows it", () => {
  const scene = new Scene();
  scene.creates("a");
  scene.passes(1);
  scene.deletes();
  scene.starts("a");
  scene.creates("b");
  scene.starts("b");
  assert.equal(scene.violations, 0);
});

test("Exclusion excuses two deletions within D, and none further apart", () => {
  for (const [apartMs, violations] of [
    [timing.leaseMs, 0],
    [timing.leaseMs + 1, 1],
  ] as const) {
    const scene = new Scene();
    scene.book("b").sawHolderAtMs = 0;
    scene.passes(10);
    scene.deletes();
    scene.starts("a");
    scene.passes(apartMs);
    scene.deletes();
    scene.creates("b");
    scene.starts("b");
    assert.equal(scene.violations, violations, `${apartMs} ms`);
  }
});

test("Exclusion bounds what a deletion excuses by H + W + κ of the old leader", () => {
  for (const [livesMs, violations] of [
    [timing.killMs + 500, 0],
    [timing.killMs + 502, 1],
  ] as const) {
    const scene = new Scene();
    scene.starts("a");
    scene.book("a").confirmedAt = instant(0);
    scene.passes(1000);
    scene.deletes();
    scene.creates("b");
    scene.starts("b");
    scene.passes(livesMs - 1000);
    scene.ends("a");
    assert.equal(scene.violations, violations, `${livesMs} ms`);
  }
});

class Scene {
  readonly #world = new World(1);
  readonly #ledger = new Ledger();
  readonly #verdicts = new Verdicts(this.#world);
  readonly #exclusion = new Exclusion(this.#verdicts, this.#ledger, timing.leaseMs);
  readonly #machine = new Machine(this.#world, {
    clockRate: 1,
    clockOffsetMs: 0,
    wallOffsetMs: 0,
  });
  readonly #trees = new Map<string, Tree>();

  get violations(): number {
    return this.#verdicts.violations.length;
  }

  book(id: string): Book {
    return this.#ledger.of(this.#process(id));
  }

  passes(ms: number): void {
    this.#world.run(this.#world.nowMs + ms);
  }

  starts(id: string): Tree {
    const options = { owner: id, isDeaf: true, hasDaemons: false, stopMs: 0, code: 0 };
    const tell = { exited: () => {}, emptied: () => {} };
    const tree = new Tree(this.#world, this.#machine, options, tell);
    this.#trees.set(id, tree);
    this.#exclusion.started(tree, this.#process(id));
    return tree;
  }

  ends(id: string): void {
    const tree = this.#trees.get(id);
    if (tree !== undefined) this.#exclusion.emptied(tree);
  }

  deletes(): void {
    this.#commit("operator", lease, undefined);
  }

  creates(by: string): void {
    this.#commit(by, undefined, lease);
  }

  #commit(by: string, before: Commit["before"], after: Commit["after"]): void {
    this.#exclusion.committed({ by, id: "", before, after, atMs: this.#world.nowMs });
  }

  #process(id: string): Process {
    return { id, timing, machine: this.#machine } as Process;
  }
}
