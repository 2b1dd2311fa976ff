/**
 * S15: as long as its tree lives and the Lease is its own, the leader goes on renewing, whatever signal
 * came: attempts are never further apart than the retry period and one request's limit.
 */
import type { Instant } from "../../../src/core/protocol.ts";
import type { Process, Step, Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

const slackMs = 1000;

export class Draining implements Witness {
  readonly rule = "S15";
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;
  readonly #askedAt = new WeakMap<Process, Instant>();

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  stepped({ process, orders, now, before }: Step): void {
    const asks = orders.some((order) => order.type === "request" && order.path.includes("/leases"));
    const leads = before?.name === "running" && before.election.phase.name === "leading";
    const last = this.#askedAt.get(process);
    if (asks || !leads || process.isStalled) this.#askedAt.set(process, now.instant);
    const { tree, timing, machine } = process;
    if (!leads || last === undefined || tree === undefined || tree.killedAtMs !== undefined) return;
    const { retryMs, requestMs } = timing;
    const gapMs = now.instant - last;
    const wasPaused = this.#verdicts.nowMs - machine.wokeAtMs < gapMs || this.#wasStalled(process);
    if (gapMs <= retryMs + requestMs + slackMs || wasPaused) return;
    if (this.#ledger.of(process).open.size > 0) return;
    this.#verdicts.violated("S15", `${process.id} has not asked for ${gapMs.toFixed(0)} ms`);
    this.#askedAt.set(process, now.instant);
  }

  /** A stalled loop takes all its reports late: the first of them says so. */
  #wasStalled({ resumedAtMs, startedAtMs }: Process): boolean {
    return this.#verdicts.nowMs - Math.max(resumedAtMs, startedAtMs) < 2 * slackMs;
  }
}
