/** S9: a claim names the incarnation, the pod and the acquire time of its writer. */
import type { Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

export function incarnations(verdicts: Verdicts, ledger: Ledger): Witness {
  return {
    stepped({ process }) {
      const { sent } = ledger;
      if (sent === undefined || sent.kind === "release") return;
      const { incarnation, podUid } = process.facts;
      const { termMark = "", acquireTime } = sent.lease;
      if (termMark.startsWith(`${incarnation}/${podUid}/${acquireTime}`)) return;
      verdicts.violated("S9", `${process.id} claims as ${termMark}`);
    },
  };
}
