/** Who is alive, seen from outside every namespace and without the help of the entry point. */
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { until } from "../cluster/until.ts";

/** In the environment of everything that this test process starts, and of nothing else. */
export const ownVariable: readonly [string, string] = ["AWAIT_ELECTION_TEST", randomUUID()];

/** Living processes with all of these `NAME=value` (or `NAME=`) in their environment. */
export function processesWith(...entries: readonly string[]): number[] {
  const pids = readdirSync("/proc").map(Number);
  return pids.filter((pid) => {
    if (!(pid > 0) || pid === process.pid) return false;
    const variables = variablesOf(pid);
    const has = (entry: string) =>
      variables.some((it) => (entry.endsWith("=") ? it.startsWith(entry) : it === entry));
    return entries.every(has);
  });
}

/** The tree of the command that runs under this Lease, whichever replica started it. */
export function treeUnder(lease: string): number[] {
  const isUnderLease = `K8S_AWAIT_ELECTION_LOCK_NAME=${lease}`;
  return processesWith(ownVariable.join("="), isUnderLease, "K8S_AWAIT_ELECTION_TERM=");
}

/**
 * Waits until the tree under this Lease is as wanted, and returns it. A look takes milliseconds, so
 * there are pauses between them: the API server of the test lives on the same loop.
 */
export async function untilTree(
  lease: string,
  isWanted: (tree: readonly number[]) => boolean,
  what: string,
  limitMs: number = 15_000,
): Promise<readonly number[]> {
  return until(what, () => [treeUnder(lease)].find(isWanted), limitMs);
}

export function isEmpty(tree: readonly number[]): boolean {
  return tree.length === 0;
}

/** Nothing where the process is gone, or a zombie, or is in the middle of an exec. */
export function variablesOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    return [];
  }
}

/** The name of the program that a process runs. */
export function programOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "latin1").trim();
  } catch {
    return "";
  }
}
