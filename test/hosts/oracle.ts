/** The oracle command, and what its journal must show whatever was done to the replicas. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { contentOf } from "../support/processes.ts";

export interface OracleOptions {
  /** Shared by all replicas of a test; `.lock` files stand beside it. */
  readonly journal: string;
  readonly stopMs?: number;
  readonly code?: number;
  /** Ignores SIGTERM. */
  readonly deaf?: boolean;
  /** Forks a daemon that leaves the tree and does the same. */
  readonly grandchild?: boolean;
  readonly role?: "command" | "grandchild";
}

/** One line of the journal; their order in the file is the order in which they happened. */
export interface Entry {
  readonly what: "start" | "beat" | "term" | "stop" | "overlap";
  readonly role: string;
  /** The fencing token of its term. */
  readonly token: string;
  readonly pid: number;
  /** On the suspend-counting clock, to 10 ms. */
  readonly atMs: number;
}

/** What the exclusive lock costs an oracle that finds another one alive. */
export const overlapCode = 99;

/** The words of the command; the lock's descriptor stays open in what the shell becomes. */
export function oracleWords(options: OracleOptions): readonly string[] {
  const { journal, stopMs = 0, code = 0, role = "command" } = options;
  const file = fileURLToPath(new URL("./oracle-command.js", import.meta.url));
  const script = `flock -n 9 || { echo '${overlapLine(role)}' >>"$1"; exit ${overlapCode}; }
    shift; exec "$@"`;
  const shell = ["sh", "-c", `exec 9>"$1.$0.lock"; ${script}`, role, journal];
  const oracle = [process.execPath, file, "--journal", journal, "--role", role];
  const times = ["--stop-ms", String(stopMs), "--code", String(code)];
  const deaf = options.deaf === true ? ["--deaf"] : [];
  const grandchild = options.grandchild === true ? ["--grandchild"] : [];
  return [...shell, ...oracle, ...times, ...deaf, ...grandchild];
}

export function journalOf(journal: string): Entry[] {
  return contentOf(journal)
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Entry);
}

/** Those that started, one for each term. */
export function starts(journal: string): Entry[] {
  return journalOf(journal).filter(({ what, role }) => what === "start" && role === "command");
}

/** No two terms overlap: once one has written anything, no earlier one writes again. */
export function assertExclusive(journal: string): void {
  const entries = journalOf(journal);
  assert.deepEqual(
    entries.filter(({ what }) => what === "overlap"),
    [],
    "the lock was free whenever an oracle started",
  );
  let newest: Entry | undefined;
  for (const entry of entries) {
    const { token } = entry;
    assert.match(token, /^\d+$/, "every oracle has a fencing token");
    if (newest !== undefined && newest.token !== token) {
      assert.ok(
        BigInt(token) > BigInt(newest.token),
        `the term ${token} still ran after ${newest.token} had begun: ${JSON.stringify(entry)}`,
      );
      assert.equal(entry.what, "start", "a term begins with its command's start");
    }
    newest = entry;
  }
}

function overlapLine(role: string): string {
  const entry: Entry = { what: "overlap", role, token: "0", pid: 0, atMs: 0 };
  return JSON.stringify(entry);
}
