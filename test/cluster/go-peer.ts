/** client-go's elector as one more replica: the same Lease, the same oracle, the same journal. */
import assert from "node:assert/strict";
import { journalOf, oracleWords, starts } from "../hosts/oracle.ts";
import { type RunningElector, startElector } from "../interop/elector.ts";
import type { ApiAccess } from "../support/api-client.ts";
import { type Deployment, lockName } from "./replicas.ts";
import { until } from "./until.ts";

export interface PeerOptions {
  /** The elector's program. */
  readonly program: string;
  readonly access: ApiAccess;
  readonly identity: string;
  /** Such as `-lease-duration=5s`. */
  readonly flags?: readonly string[];
}

/** Starts it with a token of the same ServiceAccount; it is closed with the deployment. */
export async function startPeer(
  deployment: Deployment,
  { program, access, identity, flags = [] }: PeerOptions,
): Promise<RunningElector> {
  const elector = await startElector(program, {
    access: { ...access, token: await deployment.token() },
    namespace: deployment.namespace,
    lock: lockName,
    identity,
    flags,
    // What it prints is of no use here, and would end up among the lines of the test runner.
    command: [
      "sh",
      "-c",
      'exec "$@" >/dev/null',
      "sh",
      ...oracleWords({ journal: deployment.journal }),
    ],
  });
  deployment.onClose(() => elector.close());
  return elector;
}

/** Waits for so many commands, whoever starts them. */
export async function untilCommands(
  { journal }: Deployment,
  count: number,
  limitMs?: number,
): Promise<void> {
  const find = () => (starts(journal).length >= count ? true : undefined);
  await until(`command ${count}`, find, limitMs);
}

/**
 * No two commands overlap, whoever started them: no lock was found taken, and once a command has
 * written anything, none before it writes again. client-go gives its command no fencing token, so
 * here a command is known by its process.
 */
export function assertNeverTwo(journal: string): void {
  const entries = journalOf(journal);
  assert.deepEqual(
    entries.filter(({ what }) => what === "overlap"),
    [],
    "the lock was free whenever an oracle started",
  );
  const begun = new Set<number>();
  let running = 0;
  for (const { pid, what } of entries) {
    if (pid === running) continue;
    assert.ok(!begun.has(pid), `the command ${pid} still ran after ${running} had begun`);
    assert.equal(what, "start", "a command begins with its start");
    begun.add(pid);
    running = pid;
  }
}
