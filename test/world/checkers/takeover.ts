/**
 * S7: a claim over somebody else's record comes only after the wait that this record asks for, on the
 * claimant's own clock, counted from when the record was committed: nobody sees it before.
 */
import { isReleased, type Lease, recordKey, validMark } from "../../../src/core/lease.ts";
import type { Commit } from "../server.ts";
import type { Process, Step, Witness } from "../witness.ts";
import type { Ledger, Sent } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

interface Claim {
  readonly process: Process;
  readonly sent: Sent;
}

export class Takeover implements Witness {
  readonly rule = "S7";
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;
  readonly #claims = new Map<string, Claim>();
  /** When the present record came to be, or the Lease ceased to be. */
  #sinceMs = 0;
  /** Whose record was the last, should the Lease be gone; undefined if nobody can have held it. */
  #lastHeld: Lease | undefined;
  #wasHeld = false;

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  stepped({ process }: Step): void {
    const { sent } = this.#ledger;
    if (sent?.kind === "claim") this.#claims.set(`${process.id} ${sent.id}`, { process, sent });
  }

  committed({ by, id, before, after, atMs }: Commit): void {
    const claim = this.#claims.get(`${by} ${id}`);
    if (claim !== undefined) {
      this.#claims.delete(`${by} ${id}`);
      this.#judge(claim, before);
    }
    const isSame =
      before !== undefined && after !== undefined && recordKey(before) === recordKey(after);
    if (!isSame) this.#sinceMs = atMs;
    if (after === undefined) this.#lastHeld = this.#wasHeld ? before : undefined;
    else if (after.uid !== before?.uid) this.#wasHeld = after.holder !== "";
    else this.#wasHeld ||= after.holder !== "" && !isReleased(after);
    if (after !== undefined && isReleased(after)) this.#wasHeld = false;
  }

  #judge({ process, sent }: Claim, before: Lease | undefined): void {
    const waitedMs = sent.sentAt - process.machine.instantAt(this.#sinceMs);
    const needMs =
      before === undefined
        ? this.#absentWait(process, this.#ledger.of(process).sawHolderAtMs)
        : this.#presentWait(process, before);
    if (needMs === 0 || waitedMs > needMs) return;
    const holder = before === undefined ? "absent" : JSON.stringify(before.holder);
    const text = `claims a Lease (${holder}) after ${waitedMs.toFixed(0)} of ${needMs} ms`;
    this.#verdicts.violated("S7", `${process.id} ${text}`);
  }

  /** I13: whoever saw the Lease held waits, unless the last record was its own. */
  #absentWait({ facts, timing }: Process, sawHolderAtMs: number | undefined): number {
    if (this.#lastHeld === undefined || sawHolderAtMs === undefined) return 0;
    const isOwn = validMark(this.#lastHeld)?.incarnation === facts.incarnation;
    return sawHolderAtMs < this.#sinceMs && !isOwn ? timing.leaseMs : 0;
  }

  #presentWait({ facts, identity, timing }: Process, before: Lease): number {
    const { holder, acquireTime, renewTime, durationSeconds } = before;
    if (holder === "") {
      const neverHeld = acquireTime === undefined && renewTime === undefined && !this.#wasHeld;
      return neverHeld || isReleased(before) ? 0 : timing.emptyWaitMs;
    }
    const mark = validMark(before);
    const recordMs = durationSeconds === undefined ? timing.leaseMs : durationSeconds * 1000;
    if (mark === undefined) return recordMs + timing.goWaitMs;
    if (mark.incarnation === facts.incarnation && holder === identity) return 0;
    const isPredecessor = mark.podUid === facts.podUid && mark.pid1 && facts.isPid1;
    return isPredecessor && facts.abilities.soleHolder && holder === identity ? 0 : recordMs;
  }
}
