/**
 * S4: evidence of loss beats the clock. A newer sight of the Lease that is not ours by a write that
 * was sent kills the tree in that very step; while a write is unanswered, a read comes first. The
 * leader never creates the Lease.
 */
import { isNewer } from "../../../src/core/json.ts";
import type { Witness } from "../witness.ts";
import type { Book, Ledger, Sight } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

export function evidence(verdicts: Verdicts, ledger: Ledger): Witness {
  return {
    stepped({ process, orders, before }) {
      const leads = before?.name === "running" && before.election.phase.name === "leading";
      const { tree } = process;
      if (!leads || tree === undefined || tree.killedAtMs !== undefined) return;
      const { sight, sent } = ledger;
      if (sent?.method === "POST") {
        verdicts.violated("S4", `${process.id} creates the Lease within its term`);
      }
      if (sight === undefined || !isEvidence(ledger.of(process), sight)) return;
      const kills = orders.some(({ type }) => type === "kill");
      const looks = orders.some((order) => order.type === "request" && order.method === "GET");
      const isRead = sight.by !== "watch" && !(sight.by === "write" && looks);
      if (kills || (looks && !isRead)) return;
      verdicts.violated("S4", `${process.id} goes on although ${textOf(sight)}`);
    },
  };
}

function isEvidence({ opened, writes, ownVersion }: Book, { lease, version }: Sight): boolean {
  if (opened === undefined) return false;
  if (version !== undefined && !isNewer(version, ownVersion)) return false;
  if (lease === "missing") return true;
  const { holder, termMark } = opened.claim.lease;
  const isOurs = lease.holder === holder && lease.termMark === termMark;
  return !(
    isOurs && [...writes.values()].some((write) => write.lease.renewTime === lease.renewTime)
  );
}

function textOf({ by, lease }: Sight): string {
  return lease === "missing"
    ? `a ${by} shows no Lease`
    : `a ${by} shows ${JSON.stringify(lease.holder)}`;
}
