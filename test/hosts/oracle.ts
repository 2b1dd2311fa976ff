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
  /**
   * Takes no lock, so that it runs on beside another one and the journal shows for how long; and
   * begins with `exec`, which the shell writes before the oracle has been loaded.
   */
  readonly measured?: boolean;
  readonly role?: "command" | "grandchild";
}

/** One line of the journal; their order in the file is the order in which they happened. */
export interface Entry {
  readonly what: "exec" | "start" | "beat" | "term" | "stop" | "overlap";
  readonly role: string;
  /** The fencing token of its term. */
  readonly token: string;
  readonly pid: number;
  /** On the suspend-counting clock; of `start` and `exec` up to 10 ms early, of others less than 1. */
  readonly atMs: number;
}

/** What the exclusive lock costs an oracle that finds another one alive. */
export const overlapCode = 99;

/** The words of the command; the lock's descriptor stays open in what the shell becomes. */
export function oracleWords(options: OracleOptions): readonly string[] {
  const { journal, stopMs = 0, code = 0, measured = false, role = "command" } = options;
  const file = fileURLToPath(new URL("./oracle-command.js", import.meta.url));
  const first = measured ? execScript : lockScript(role);
  const shell = ["sh", "-c", `${first}; shift; exec "$@"`, role, journal];
  const oracle = [process.execPath, file, "--journal", journal, "--role", role];
  const times = ["--stop-ms", String(stopMs), "--code", String(code)];
  const flags = ["deaf", "grandchild", "measured"] as const;
  const set = flags.filter((flag) => options[flag] === true).map((flag) => `--${flag}`);
  return [...shell, ...oracle, ...times, ...set];
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
      assert.match(entry.what, /^(exec|start)$/, "a term begins with its command's start");
    }
    newest = entry;
  }
}

/**
 * How long each command went on beside a later one, by the order of the lines and to one beat; empty
 * where none did. It counts from the later one's first line, or from `sinceMs` where that is later.
 */
export function overlapsMs(journal: string, sinceMs: number = 0): number[] {
  const entries = journalOf(journal);
  const terms = [...new Set(entries.map(termOf))];
  return terms.slice(1).flatMap((term, before) => {
    const at = entries.findIndex((entry) => termOf(entry) === term);
    const earlier = new Set(terms.slice(0, before + 1));
    const last = entries.slice(at).findLast((entry) => earlier.has(termOf(entry)));
    return last === undefined ? [] : [last.atMs - Math.max(sinceMs, entries[at]!.atMs)];
  });
}

/** What an entry was written in: where there is no fencing token, it is known by its process. */
export function termOf({ token, pid }: Entry): string {
  return token === "" ? `process ${pid}` : `term ${token}`;
}

function lockScript(role: string): string {
  const line = JSON.stringify({ what: "overlap", role, token: "0", pid: 0, atMs: 0 });
  const found = `{ echo '${line}' >>"$1"; exit ${overlapCode}; }`;
  return `exec 9>"$1.$0.lock"; flock -n 9 || ${found}`;
}

/** Dash reads no clock but this one, whose hundredths of a second are the last two digits. */
const execScript =
  'read up idle </proc/uptime; printf \'{"what":"exec","role":"%s","token":"%s","pid":%s,"atMs":%s}\\n\' ' +
  '"$0" "$K8S_AWAIT_ELECTION_FENCING_TOKEN" $$ "${up%.*}${up#*.}0" >>"$1"';
