/** S8: every write's renewTime is at least a second after the last one's, with six digits. */
import type { Process, Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

export function renewTimes(verdicts: Verdicts, ledger: Ledger): Witness {
  const lastMs = new WeakMap<Process, number>();
  return {
    stepped({ process }) {
      if (ledger.sent === undefined) return;
      const { renewTime = "" } = ledger.sent.lease;
      const ms = Date.parse(renewTime);
      const isLater = ms - (lastMs.get(process) ?? -Infinity) >= 1000;
      lastMs.set(process, ms);
      if (microTime.test(renewTime) && isLater) return;
      verdicts.violated("S8", `${process.id} writes renewTime ${renewTime}`);
    },
  };
}
