/** The judge is judged: journals that it must not let pass, and two oracles that do run at once. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { endProcess, temporaryFolder, until } from "../support/processes.ts";
import {
  assertExclusive,
  type Entry,
  journalOf,
  type OracleOptions,
  oracleWords,
  overlapCode,
  overlapsMs,
} from "./oracle.ts";

type Line = readonly [token: string, what: Entry["what"], atMs: number];

function planted(t: TestContext, lines: readonly Line[]): string {
  const journal = join(temporaryFolder(t), "journal");
  const entries = lines.map(([token, what, atMs]) => ({
    what,
    role: "command",
    token,
    pid: 1,
    atMs,
  }));
  writeFileSync(journal, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  return journal;
}

const first: readonly Line[] = [
  ["7", "start", 0],
  ["7", "beat", 5],
];

describe("assertExclusive()", () => {
  it("lets one term after another pass", (t) => {
    assertExclusive(
      planted(t, [...first, ["7", "stop", 9], ["12", "start", 10], ["12", "beat", 15]]),
    );
  });

  for (const [what, lines, complaint] of [
    ["a lock that was taken", [...first, ["0", "overlap", 0]], /the lock was free/],
    [
      "a beat of an older term",
      [...first, ["12", "start", 10], ["7", "beat", 11]],
      /the term 7 still ran/,
    ],
    [
      "a token that is smaller as a number",
      [...first, ["12", "start", 9], ["8", "start", 10]],
      /8/,
    ],
    ["a term without a start", [...first, ["12", "beat", 10]], /begins with its command's start/],
    ["a command without a token", [["", "start", 0]], /has a fencing token/],
  ] as const satisfies readonly (readonly [string, readonly Line[], RegExp])[]) {
    it(`complains of ${what}`, (t) => {
      const journal = planted(t, lines);
      assert.throws(() => assertExclusive(journal), complaint);
    });
  }
});

describe("overlapsMs()", () => {
  it("finds nothing where each term ends before the next", (t) => {
    assert.deepEqual(
      overlapsMs(planted(t, [...first, ["12", "exec", 6], ["12", "start", 50]])),
      [],
    );
  });

  it("counts from the later term's first line to the earlier one's last", (t) => {
    const lines: readonly Line[] = [
      ...first,
      ["12", "exec", 6],
      ["7", "beat", 10],
      ["7", "beat", 15],
    ];
    assert.deepEqual(overlapsMs(planted(t, lines)), [9]);
    assert.deepEqual(overlapsMs(planted(t, lines), 12), [3]);
  });

  it("counts every later term that an earlier one outlives", (t) => {
    const lines: readonly Line[] = [
      ...first,
      ["12", "exec", 6],
      ["12", "stop", 8],
      ["20", "exec", 9],
      ["7", "beat", 15],
    ];
    assert.deepEqual(overlapsMs(planted(t, lines)), [9, 6]);
  });
});

describe("two oracles at once", () => {
  it("the second finds the lock taken, and ends", async (t) => {
    const journal = join(temporaryFolder(t), "journal");
    start(t, "7", { journal });
    await untilBeats(journal, "7");
    const second = start(t, "12", { journal });
    assert.deepEqual(await once(second, "exit"), [overlapCode, null]);
    assert.throws(() => assertExclusive(journal), /the lock was free/);
  });

  it("measured, both run, and the overlap is as long as they do", async (t) => {
    const journal = join(temporaryFolder(t), "journal");
    const one = start(t, "7", { journal, measured: true });
    await untilBeats(journal, "7");
    start(t, "12", { journal, measured: true });
    await untilBeats(journal, "12");
    const begun = journalOf(journal).find((entry) => entry.token === "12")!;
    assert.equal(begun.what, "exec");
    one.kill("SIGKILL");
    await once(one, "exit");
    const last = journalOf(journal).findLast((entry) => entry.token === "7")!;
    assert.deepEqual(overlapsMs(journal), [last.atMs - begun.atMs]);
    assert.ok(last.atMs > begun.atMs);
  });
});

function start(t: TestContext, token: string, options: OracleOptions): ChildProcess {
  const [file = "", ...words] = oracleWords(options);
  const env = { ...process.env, K8S_AWAIT_ELECTION_FENCING_TOKEN: token };
  const child = spawn(file, words, { env, stdio: "ignore" });
  t.after(() => endProcess(child.exitCode === null ? child.pid : undefined));
  return child;
}

function untilBeats(journal: string, token: string): Promise<void> {
  const isBeat = (entry: Entry) => entry.token === token && entry.what === "beat";
  return until(() => journalOf(journal).filter(isBeat).length > 3, `beats of ${token}`);
}
