/** Electors on virtual time: what a campaign promises, from its first look to its release. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiError, TermEndedError } from "../../src/library/index.ts";
import { assertExclusive, defaults, lease, promptMs, Stage } from "./stage.ts";

describe("campaign()", () => {
  test("resolves with the value, and the next leads at once", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a", { run: () => stage.time.sleep(5000).then(() => 7) });
    const b = stage.start("b");
    await stage.time.advance(4000);
    assert.equal(stage.holder(), "a");
    await stage.time.until(() => stage.spans[0]!.toMs < Infinity);
    assert.ok((await stage.untilLeads(b)) <= promptMs, "L2");
    assert.deepEqual(a.outcome, { value: 7 });
  });

  test("rejects with what the function threw, and releases", async () => {
    const stage = new Stage();
    const error = new Error("broken");
    const a = stage.start("a", { run: () => Promise.reject(error) });
    await stage.time.advance(promptMs);
    assert.deepEqual(a.outcome, { error });
    assert.equal(stage.holder(), "");
  });

  test("rejects with what a plain function threw", async () => {
    const stage = new Stage();
    const error = new Error("broken");
    const fail = () => {
      throw error;
    };
    const a = stage.start("a", { run: fail });
    await stage.time.advance(promptMs);
    assert.deepEqual(a.outcome, { error });
  });

  test("S5 keeps the lease until the function has ended", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a", { stopMs: 40_000 });
    const b = stage.start("b");
    await stage.time.advance(promptMs);
    a.stop.abort(new Error("bye"));
    await stage.time.advance(39_900);
    assert.equal(stage.holder(), "a", "S15: draining keeps the lock");
    assert.equal(a.terms[0]!.isHeld(), false, "an aborted term begins nothing new");
    await stage.untilLeads(b);
    assert.deepEqual(a.outcome, { value: "stopped" });
    assert.equal(stage.spans[0]!.toMs <= stage.spans[1]!.fromMs, true);
  });

  test("S4 aborts at once when another holds the lease, and rejects", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a");
    stage.edit("somebody");
    const tookMs = await stage.time.until(() => a.terms[0]!.signal.aborted);
    assert.ok(tookMs <= 50, `${tookMs} ms`);
    await stage.time.advance(promptMs);
    const error = errorOf(a.outcome);
    assert.ok(error instanceof TermEndedError);
    assert.equal(error, a.terms[0]!.signal.reason);
    assert.equal(error.how, "lost");
    assert.match(error.message, /it names "somebody"/);
    assert.equal(stage.holder(), "somebody", "S12: what is not ours stays");
  });

  test("N1 aborts at G when it is cut off, and nobody leads before E", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a");
    const b = stage.start("b");
    const fromMs = stage.time.nowMs;
    a.replica.cut();
    const abortMs = await stage.time.until(() => a.terms[0]!.signal.aborted);
    assert.ok(abortMs <= defaults.stopMs && abortMs >= defaults.stopMs - 20, `${abortMs} ms`);
    assert.equal((a.terms[0]!.signal.reason as TermEndedError).how, "late");
    await stage.untilLeads(b);
    const tookMs = stage.time.nowMs - fromMs;
    assert.ok(tookMs >= defaults.endMs && tookMs <= defaults.leaseMs + 150, `${tookMs} ms`);
    assert.ok(errorOf(a.outcome) instanceof TermEndedError);
  });

  test("I9 does not release what it cannot reach, and is not released for ever", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a", { run: () => undefined });
    a.replica.cut();
    await stage.time.until(() => a.outcome !== undefined);
    assert.deepEqual(a.outcome, { value: undefined });
    assert.ok(stage.time.nowMs <= defaults.endMs + promptMs, "it gives up when the lease runs out");
  });

  test("rejects where the API server finds the claim invalid", async () => {
    const stage = new Stage();
    const a = stage.start("a", { lease: { namespace: "missing", name: "demo" } });
    await stage.time.advance(promptMs);
    assert.equal(a.outcome, undefined, "a namespace may yet be made");
    a.stop.abort("enough");
    await stage.time.advance(promptMs);
    assert.deepEqual(a.outcome, { error: "enough" });
    assert.ok(!(errorOf(a.outcome) instanceof ApiError));
  });

  test("refuses a second campaign of one elector, and any of a closed one", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a");
    await assert.rejects(
      a.elector.campaign(() => {}),
      /campaigns already/,
    );
    a.stop.abort();
    await stage.time.advance(promptMs);
    await a.elector.close();
    await assert.rejects(
      a.elector.campaign(() => {}),
      /is closed/,
    );
  });

  test("can be called again after it has ended", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a", { run: () => 1 });
    await stage.time.advance(promptMs);
    const again = a.elector.campaign((term) => term.fencingToken);
    await stage.time.advance(promptMs);
    assert.ok(BigInt(await again) > BigInt(a.terms[0]!.fencingToken), "S10");
  });
});

describe("rejoin", () => {
  test("leads again after a loss, with a larger token", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a", { rejoin: true });
    stage.server.deleteLease(lease.namespace, lease.name);
    await stage.untilLeads(a);
    const [first, second] = a.terms.map(({ fencingToken }) => BigInt(fencingToken));
    assert.ok(second! > first!, "S10");
    assert.equal(a.outcome, undefined);
  });

  test("lets another have it first after resign()", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a", { rejoin: true });
    const b = stage.start("b", { rejoin: true });
    await stage.time.advance(promptMs);
    a.terms[0]!.resign();
    assert.ok((await stage.untilLeads(b)) <= promptMs);
    assert.equal((a.terms[0]!.signal.reason as TermEndedError).how, "resigned");
    b.terms[0]!.resign();
    assert.ok((await stage.untilLeads(a)) <= 5000 + promptMs, "a has paused");
    assertExclusive(stage);
  });

  test("ends when the function throws while its term lasts", async () => {
    const stage = new Stage();
    const error = new Error("broken");
    const a = stage.start("a", { rejoin: true, run: () => Promise.reject(error) });
    await stage.time.advance(promptMs);
    assert.deepEqual(a.outcome, { error });
  });

  test("goes on when the function throws because its term has ended", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a", {
      rejoin: true,
      run: (term) => stage.time.sleep(1e9, { signal: term.signal }),
    });
    stage.edit("");
    await stage.untilLeads(a);
    assert.equal(a.outcome, undefined);
    assert.equal(stage.holder(), "a");
  });

  test("does not claim in a loop what its function is done with at once", async () => {
    const stage = new Stage();
    const a = stage.start("a", { rejoin: true, run: () => {} });
    await stage.time.advance(20_000);
    assert.ok(a.terms.length >= 4 && a.terms.length <= 5, `${a.terms.length} terms in 20 s`);
  });
});

describe("onOverrun", () => {
  test("exit ends the process at H where the function does not stop", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a", { stopMs: 60_000 });
    a.replica.cut();
    const tookMs = await stage.time.until(() => a.replica.exited !== undefined);
    assert.ok(tookMs <= defaults.killMs && tookMs >= defaults.killMs - 20, `${tookMs} ms`);
    assert.match(a.replica.exited!, /default\/demo did not stop/);
  });

  test("exit lets a function run that stops in time", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a", { stopMs: 900 });
    a.replica.cut();
    await stage.time.advance(30_000);
    assert.equal(a.replica.exited, undefined);
    assert.ok(errorOf(a.outcome) instanceof TermEndedError);
  });

  test("warn tells, and the function goes on", async () => {
    const stage = new Stage();
    const errors: string[] = [];
    const logger = { error: (line: string) => errors.push(line), warn() {}, info() {}, debug() {} };
    const a = await stage.startLed("a", { stopMs: 60_000, onOverrun: "warn", logger });
    a.replica.cut();
    await stage.time.advance(30_000);
    assert.equal(a.replica.exited, undefined);
    assert.equal(errors.filter((line) => line.includes("did not stop")).length, 1);
    assert.equal(a.outcome, undefined, "the campaign ends with its function");
    await stage.time.advance(60_000);
    assert.ok(errorOf(a.outcome) instanceof TermEndedError);
  });
});

describe("Term", () => {
  test("isHeld() and timeLeftMs() follow the renewals", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a");
    const [term] = a.terms;
    for (let second = 0; second < 60; second += 1) {
      await stage.time.advance(1000);
      assert.ok(term!.isHeld());
      assert.ok(term!.timeLeftMs() > 8000 && term!.timeLeftMs() <= defaults.stopMs);
    }
    a.replica.cut();
    await stage.time.advance(defaults.stopMs);
    assert.equal(term!.isHeld(), false);
    assert.equal(term!.timeLeftMs(), 0);
  });

  test("C2 isHeld() is false at once after a suspend past G", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a", { stopMs: 60_000 });
    const [term] = a.terms;
    a.replica.suspend(60_000);
    await stage.time.advance(59_999);
    assert.equal(term!.isHeld(), false, "before any code of the elector has run");
    assert.equal(term!.signal.aborted, false);
    await stage.time.advance(1);
    assert.equal(term!.signal.aborted, true);
    assert.notEqual(a.replica.exited, undefined);
  });

  test("is over with its function", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a", { run: () => 1 });
    assert.equal(a.terms[0]!.isHeld(), false);
    a.terms[0]!.resign();
    await stage.time.advance(promptMs);
    assert.deepEqual(a.outcome, { value: 1 });
  });
});

describe("close()", () => {
  test("waits for the function and the release", async () => {
    const stage = new Stage();
    const a = await stage.startLed("a", { stopMs: 3000 });
    let isClosed = false;
    const closing = a.elector.close().then(() => (isClosed = true));
    await stage.time.advance(2900);
    assert.equal(isClosed, false);
    await stage.time.advance(200);
    await closing;
    assert.equal(stage.holder(), "");
    assert.deepEqual(a.outcome, { value: "stopped" });
  });

  test("ends a campaign that waits", async () => {
    const stage = new Stage();
    await stage.startLed("a");
    const b = stage.start("b");
    await stage.time.advance(promptMs);
    {
      await using _ = b.elector;
    }
    await stage.time.advance(promptMs);
    assert.match(String(errorOf(b.outcome)), /was closed/);
  });
});

function errorOf(outcome: { readonly value: unknown } | { readonly error: unknown } | undefined) {
  assert.ok(outcome !== undefined && "error" in outcome, JSON.stringify(outcome));
  return outcome.error;
}
