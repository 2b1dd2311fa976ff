/**
 * S15: as long as its tree lives and the Lease is its own, the leader goes on renewing, whatever signal
 * came: attempts are never further apart than the retry period and one request's limit.
 */
import type { Instant } from "../../../src/core/protocol.ts";
import type { Process, Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

const slackMs = 1000;

export function draining(verdicts: Verdicts, ledger: Ledger): Witness {
  const askedAt = new WeakMap<Process, Instant>();

  /** A stalled loop takes all its reports late: the first of them says so. */
  function wasStalled({ resumedAtMs, startedAtMs }: Process): boolean {
    return verdicts.nowMs - Math.max(resumedAtMs, startedAtMs) < 2 * slackMs;
  }

  return {
    stepped({ process, orders, now, before }) {
      const asks = orders.some(
        (order) => order.type === "request" && order.path.includes("/leases"),
      );
      const leads = before?.name === "running" && before.election.phase.name === "leading";
      const last = askedAt.get(process);
      if (asks || !leads || process.isStalled) askedAt.set(process, now.instant);
      const { tree, timing, machine } = process;
      if (!leads || last === undefined || tree === undefined) return;
      if (tree.killedAtMs !== undefined) return;
      const gapMs = now.instant - last;
      const wasPaused = verdicts.nowMs - machine.wokeAtMs < gapMs || wasStalled(process);
      if (gapMs <= timing.retryMs + timing.requestMs + slackMs || wasPaused) return;
      if (ledger.of(process).open.size > 0) return;
      verdicts.violated("S15", `${process.id} has not asked for ${gapMs.toFixed(0)} ms`);
      askedAt.set(process, now.instant);
    },
  };
}
