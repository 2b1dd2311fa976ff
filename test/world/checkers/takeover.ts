/**
 * S7: a claim over somebody else's record comes only after the wait that this record asks for, on the
 * claimant's own clock, counted from its own first sight of that very record (I4, I5) or of the
 * absence of any (I13).
 *
 * A creation carries no version, so one that was given up may be applied after another Lease has come
 * and gone. It starts no command (S2); the claim over such a record is what has to have waited.
 */
import { isReleased, type Lease, validMark } from "../../../src/core/lease.ts";
import type { Commit } from "../server.ts";
import type { Process, Step, Witness } from "../witness.ts";
import type { Ledger, Sent } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

interface Claim {
  readonly process: Process;
  readonly sent: Sent;
  /** When it first saw what it claims, in real time. */
  readonly seenSinceMs: number;
}

/** The Lease that a creation made which had been given up, in place of one that was deleted. */
interface LateCreation {
  readonly uid: string;
  readonly needMs: number;
  readonly deletedAtMs: number;
}

export class Takeover implements Witness {
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;
  readonly #claims = new Map<string, Claim>();
  #deletedAtMs = -Infinity;
  /** Whose record was the last, should the Lease be gone; undefined if nobody can have held it. */
  #lastHeld: Lease | undefined;
  #wasHeld = false;
  #late: LateCreation | undefined;

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  stepped({ process }: Step): void {
    const { sent } = this.#ledger;
    if (sent?.kind !== "claim") return;
    const { sinceMs: seenSinceMs = Infinity } = this.#ledger.of(process).seen ?? {};
    this.#claims.set(`${process.id} ${sent.id}`, { process, sent, seenSinceMs });
  }

  committed({ by, id, before, after, atMs }: Commit): void {
    const claim = this.#claims.get(`${by} ${id}`);
    this.#claims.delete(`${by} ${id}`);
    if (claim !== undefined && after !== undefined) this.#judge(claim, before, after);
    if (after === undefined) {
      this.#deletedAtMs = atMs;
      this.#lastHeld = this.#wasHeld ? before : undefined;
    } else if (after.uid !== before?.uid) this.#wasHeld = after.holder !== "";
    else this.#wasHeld ||= after.holder !== "" && !isReleased(after);
    if (after !== undefined && isReleased(after)) this.#wasHeld = false;
  }

  #judge(claim: Claim, before: Lease | undefined, { uid }: Lease): void {
    const { process, seenSinceMs } = claim;
    if (before === undefined && this.#isGivenUp(claim)) {
      this.#late = { uid, needMs: this.#absentWait(process), deletedAtMs: this.#deletedAtMs };
    } else if (before === undefined) {
      this.#compare(claim, "absent", this.#absentWait(process), seenSinceMs);
    } else if (isOf(process, before) && this.#late?.uid === uid) {
      this.#compare(claim, "late creation", this.#late.needMs, this.#late.deletedAtMs);
    } else {
      this.#compare(claim, before.holder, this.#presentWait(process, before), seenSinceMs);
    }
  }

  #compare({ process, sent }: Claim, what: string, needMs: number, sinceMs: number): void {
    const waitedMs = sent.sentAt - process.machine.instantAt(sinceMs);
    if (needMs === 0 || waitedMs > needMs) return;
    const text = `claims (${JSON.stringify(what)}) after ${waitedMs.toFixed(0)} of ${needMs} ms`;
    this.#verdicts.violated("S7", `${process.id} ${text}`);
  }

  /** It was sent before the Lease that it follows was deleted, and is not waited for any more. */
  #isGivenUp({ process, sent }: Claim): boolean {
    const isOlder = sent.sentAt < process.machine.instantAt(this.#deletedAtMs);
    return isOlder && !this.#ledger.of(process).open.has(sent.id);
  }

  /** I13: whoever saw the Lease held waits, unless the last record was its own. */
  #absentWait({ id, facts, timing }: Process): number {
    const { sawHolderAtMs } = this.#ledger.of({ id });
    if (this.#lastHeld === undefined || sawHolderAtMs === undefined) return 0;
    const isOwn = lastHolder(this.#lastHeld) === facts.incarnation;
    return sawHolderAtMs < this.#deletedAtMs && !isOwn ? timing.leaseMs : 0;
  }

  #presentWait(process: Process, before: Lease): number {
    const { facts, identity, timing } = process;
    const { holder, acquireTime, renewTime, durationSeconds } = before;
    if (holder === "") {
      const neverHeld = acquireTime === undefined && renewTime === undefined && !this.#wasHeld;
      return neverHeld || isReleased(before) ? 0 : timing.emptyWaitMs;
    }
    const mark = validMark(before);
    const recordMs = durationSeconds === undefined ? timing.leaseMs : durationSeconds * 1000;
    if (mark === undefined) return recordMs + timing.goWaitMs;
    if (isOf(process, before)) return 0;
    const isPredecessor = mark.podUid === facts.podUid && mark.pid1 && facts.isPid1;
    return isPredecessor && facts.abilities.soleHolder && holder === identity ? 0 : recordMs;
  }
}

/** Its incarnation, also where an operator has emptied the record since. */
function lastHolder(lease: Lease): string | undefined {
  return validMark({ ...lease, holder: lease.holder || "nobody" })?.incarnation;
}

function isOf({ facts, identity }: Process, lease: Lease): boolean {
  return validMark(lease)?.incarnation === facts.incarnation && lease.holder === identity;
}
