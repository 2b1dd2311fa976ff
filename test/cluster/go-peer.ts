/** client-go's elector as one more replica: the same Lease, the same oracle, the same journal. */
import assert from "node:assert/strict";
import { type Entry, journalOf, oracleWords, starts, termOf } from "../hosts/oracle.ts";
import { type ElectorEvent, type RunningElector, startElector } from "../interop/elector.ts";
import type { ApiAccess } from "../support/api-client.ts";
import type { Target } from "../support/proxy.ts";
import { type Deployment, lockName } from "./replicas.ts";
import { until } from "./until.ts";

export interface PeerOptions {
  /** The elector's program. */
  readonly program: string;
  readonly access: ApiAccess;
  readonly identity: string;
  /** Such as `-lease-duration=5s`. */
  readonly flags?: readonly string[];
  /** Its way to the API server, where it is not the straight one. */
  readonly by?: Target;
  /** Of its oracle, where that must not meet those of the replicas. */
  readonly journal?: string;
}

/** The durations that `quick` gives to our replicas. */
export const quickFlags: readonly string[] = [
  "-lease-duration=5s",
  "-renew-deadline=3s",
  "-retry-period=1s",
];

/** Starts it with a token of the same ServiceAccount; it is closed with the deployment. */
export async function startPeer(
  deployment: Deployment,
  { program, access, identity, flags = [], by, journal = deployment.journal }: PeerOptions,
): Promise<RunningElector> {
  const way = by === undefined ? {} : { url: `https://${by.host}:${by.port}` };
  const elector = await startElector(program, {
    access: { ...access, ...way, token: await deployment.token() },
    namespace: deployment.namespace,
    lock: lockName,
    identity,
    flags,
    // What it prints is of no use here, and would end up among the lines of the test runner.
    command: ["sh", "-c", 'exec "$@" >/dev/null', "sh", ...oracleWords({ journal })],
  });
  deployment.onClose(() => elector.close());
  return elector;
}

/** When an event happened, on the clock of the oracle. */
export function eventAtMs({ boot_ns }: ElectorEvent): number {
  return boot_ns / 1e6;
}

/** Waits for so many commands, whoever starts them, as long as there were never two. */
export async function untilCommands(
  { journal }: Deployment,
  count: number,
  limitMs?: number,
): Promise<void> {
  const find = () => {
    assertNoneMet(journalOf(journal));
    return starts(journal).length >= count ? true : undefined;
  };
  await until(`command ${count}`, find, limitMs);
}

/**
 * Waits for so many writes more than there are now, whoever makes them. After one, everybody who
 * watches has seen the record when it was new.
 */
export async function untilRenewed({ operator }: Deployment, count: number = 1): Promise<void> {
  const renewTime = async () => String((await operator.lease()).spec?.["renewTime"]);
  for (let round = 0, known = await renewTime(); round < count; round += 1) {
    known = await until("a renewal", async () => {
      const now = await renewTime();
      return now === known ? undefined : now;
    });
  }
}

/** The last line of the command that was started as number `count`, with its daemon's. */
export function lastBeat(journal: string, count: number): Entry {
  const term = termOf(starts(journal)[count - 1] ?? assert.fail(`No command ${count} was started`));
  return journalOf(journal).findLast((entry) => termOf(entry) === term)!;
}

/** client-go gives its command no fencing token. */
export function isOfGo({ token }: Entry): boolean {
  return token === "";
}

/**
 * No two commands overlap, whoever started them: no lock was found taken, and once a command has
 * written anything, none before it writes again.
 */
export function assertNeverTwo(journal: string): void {
  const entries = journalOf(journal);
  assertNoneMet(entries);
  const begun = new Set<string>();
  let running = "";
  for (const entry of entries) {
    const term = termOf(entry);
    if (term === running) continue;
    assert.ok(!begun.has(term), `${term} still ran after ${running} had begun`);
    assert.equal(entry.what, "start", "a command begins with its start");
    begun.add(term);
    running = term;
  }
}

function assertNoneMet(entries: readonly Entry[]): void {
  const overlaps = entries.filter(({ what }) => what === "overlap");
  assert.deepEqual(overlaps, [], "the lock was free whenever an oracle started");
}
