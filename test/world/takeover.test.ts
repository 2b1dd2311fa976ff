/** From when S7 counts a wait: claims by hand, no program in them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../src/core/protocol.ts";
import { formatMark, type Lease } from "../../src/core/lease.ts";
import { deriveTiming } from "../../src/core/timing.ts";
import { Ledger, type Sent } from "./checkers/ledger.ts";
import { Takeover } from "./checkers/takeover.ts";
import { Verdicts } from "./checkers/verdicts.ts";
import { Machine } from "./machine.ts";
import type { Process } from "./witness.ts";
import { World } from "./world.ts";

const timing = deriveTiming({ leaseSeconds: 5, renewDeadlineSeconds: 3, retrySeconds: 1 });

for (const [waitedMs, violations] of [
  [timing.leaseMs, 1],
  [timing.leaseMs + 1, 0],
] as const) {
  const verdict = violations === 0 ? "lets" : "does not let";

  test(`Takeover ${verdict} a holder be replaced ${waitedMs} ms after its record was seen`, () => {
    const scene = new Scene();
    scene.passes(100);
    scene.sees("b", "a's record");
    scene.passes(waitedMs);
    scene.commits("b", scene.sends("b"), leaseOf("a"), leaseOf("b"));
    assert.equal(scene.violations, violations);
  });

  test(`Takeover ${verdict} a late creation be claimed ${waitedMs} ms after the deletion`, () => {
    const scene = new Scene();
    scene.sees("b", "absent");
    const late = scene.sends("b");
    scene.passes(1000);
    scene.commits("a", "0", undefined, leaseOf("a", "1"));
    scene.commits("operator", "", leaseOf("a", "1"), undefined);
    scene.givesUp("b", late);
    scene.commits("b", late, undefined, leaseOf("b", "2"));
    assert.equal(scene.violations, 0, "the creation itself starts nothing");
    scene.passes(waitedMs);
    scene.commits("b", scene.sends("b"), leaseOf("b", "2"), leaseOf("b", "2"));
    assert.equal(scene.violations, violations);
  });
}

class Scene {
  readonly #world = new World(1);
  readonly #ledger = new Ledger();
  readonly #verdicts = new Verdicts(this.#world);
  readonly #takeover = new Takeover(this.#verdicts, this.#ledger);
  readonly #machine = new Machine(this.#world, { clockRate: 1, clockOffsetMs: 0, wallOffsetMs: 0 });
  #count = 0;

  get violations(): number {
    return this.#verdicts.violations.length;
  }

  passes(ms: number): void {
    this.#world.run(this.#world.nowMs + ms);
  }

  sees(id: string, key: string): void {
    const book = this.#ledger.of({ id });
    book.sawHolderAtMs ??= this.#world.nowMs;
    book.seen = { key, sinceMs: this.#world.nowMs };
  }

  /** A claim, which the server has not taken yet. */
  sends(by: string): string {
    const id = String((this.#count += 1));
    this.#ledger.of({ id: by }).open.add(id);
    this.#ledger.sent = { id, kind: "claim", sentAt: instant(this.#world.nowMs) } as Sent;
    const process = this.#process(by);
    this.#takeover.stepped({
      process,
      report: undefined,
      orders: [],
      now: this.#machine.now(),
      before: undefined,
    });
    return id;
  }

  givesUp(by: string, id: string): void {
    this.#ledger.of({ id: by }).open.delete(id);
  }

  commits(by: string, id: string, before: Lease | undefined, after: Lease | undefined): void {
    this.#takeover.committed({ by, id, before, after, atMs: this.#world.nowMs });
  }

  #process(id: string): Process {
    const facts = { incarnation: id, podUid: id };
    return { id, identity: id, facts, timing, machine: this.#machine } as Process;
  }
}

function leaseOf(holder: string, uid = "0"): Lease {
  const acquireTime = "then";
  const termMark = formatMark({ incarnation: holder, podUid: holder, pid1: false }, acquireTime);
  return { uid, version: "1", holder, acquireTime, termMark, durationSeconds: 5 } as Lease;
}
