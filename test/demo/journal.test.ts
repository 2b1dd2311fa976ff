import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, Lives, parseEntries } from "../../demo/journal.ts";

const ms = 1e6;

function entry(what: Entry["what"], pid: number, atMs: number, port?: number): Entry {
  const replica = `demo-${pid}`;
  return {
    what,
    replica,
    pid,
    token: "7",
    atNs: atMs * ms,
    ...(port === undefined ? {} : { port }),
  };
}

function livesOf(...entries: readonly Entry[]): Lives {
  const lives = new Lives();
  for (const it of entries) lives.add(it);
  return lives;
}

/** Pids with their starts and ends in milliseconds. */
function spans(lives: Lives): readonly (readonly number[])[] {
  return lives.intervals().map(({ pid, startNs, endNs }) => [pid, startNs / ms, endNs / ms]);
}

test("add() a life reaches from its start to its stop", () => {
  const lives = livesOf(entry("start", 1, 100), entry("beat", 1, 110), entry("stop", 1, 125));
  assert.deepEqual(spans(lives), [[1, 100, 125]]);
  assert.deepEqual(lives.unstopped(), []);
});

test("add() a life that was killed ends with its last beat", () => {
  const lives = livesOf(entry("start", 1, 100), entry("beat", 1, 110), entry("beat", 1, 120));
  assert.deepEqual(spans(lives), [[1, 100, 120]]);
  assert.equal(lives.unstopped().length, 1);
});

test("add() what was paused did not run meanwhile, and ran again afterwards", () => {
  const lives = livesOf(entry("start", 1, 100), entry("beat", 1, 200), entry("beat", 1, 5000));
  lives.add(entry("beat", 1, 5010));
  assert.deepEqual(spans(lives), [
    [1, 100, 200],
    [1, 5000, 5010],
  ]);
  assert.equal(lives.unstopped()[0]?.startNs, 5000 * ms);
});

test("add() a late beat is no pause", () => {
  const lives = livesOf(entry("start", 1, 100), entry("beat", 1, 500), entry("beat", 1, 900));
  assert.deepEqual(spans(lives), [[1, 100, 900]]);
});

test("add() a pid that is given again begins another life", () => {
  const lives = livesOf(entry("start", 1, 100), entry("beat", 1, 110), entry("start", 1, 300));
  assert.deepEqual(spans(lives), [
    [1, 100, 110],
    [1, 300, 300],
  ]);
});

test("intervals() are sorted by their starts, whoever wrote first", () => {
  const lives = livesOf(entry("start", 2, 200), entry("start", 1, 100));
  assert.deepEqual(
    lives.intervals().map(({ replica }) => replica),
    ["demo-1", "demo-2"],
  );
});

test("portOf() is known from the beat that tells it until the stop", () => {
  const lives = livesOf(entry("start", 1, 100), entry("beat", 1, 110, 8080), entry("beat", 1, 120));
  assert.equal(lives.portOf(1), 8080);
  lives.add(entry("stop", 1, 130));
  assert.equal(lives.portOf(1), undefined);
});

test("parseEntries() keeps the beginning of a line that is still being written", () => {
  const line = JSON.stringify(entry("beat", 1, 100));
  const { entries, rest } = parseEntries(`${line}\n${line.slice(0, 9)}`);
  assert.deepEqual(entries, [entry("beat", 1, 100)]);
  assert.equal(rest, line.slice(0, 9));
});
