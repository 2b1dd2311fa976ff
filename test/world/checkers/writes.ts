/** S6, S8 and S9: what every write of ours carries. */
import type { Commit } from "../server.ts";
import type { Process, Step, Witness } from "../witness.ts";
import type { Ledger, Sent } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** S6: a PUT names the uid and version that it is based on; anything else is a creation. */
export class Writes implements Witness {
  readonly rule = "S6";
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  stepped({ process }: Step): void {
    const { sent } = this.#ledger;
    if (sent === undefined) return;
    const { method, lease } = sent;
    const isComplete = method === "PUT" && lease.uid !== "none" && lease.version !== "0";
    const isCreation = method === "POST" && lease.uid === "none" && lease.version === "0";
    if (isComplete || isCreation) return;
    this.#verdicts.violated("S6", `${process.id} sends a ${method} with uid ${lease.uid}`);
  }
}

/** S8: every write's renewTime is at least a second after the last one's, with six digits. */
export class RenewTimes implements Witness {
  readonly rule = "S8";
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;
  readonly #last = new WeakMap<Process, number>();

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  stepped({ process }: Step): void {
    const { sent } = this.#ledger;
    if (sent === undefined) return;
    const { renewTime = "" } = sent.lease;
    const ms = Date.parse(renewTime);
    const last = this.#last.get(process) ?? -Infinity;
    this.#last.set(process, ms);
    if (microTime.test(renewTime) && ms - last >= 1000) return;
    this.#verdicts.violated("S8", `${process.id} writes renewTime ${renewTime}`);
  }
}

/** S9: a claim names the incarnation, the pod and the acquire time of its writer. */
export class Incarnations implements Witness {
  readonly rule = "S9";
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  stepped({ process }: Step): void {
    const { sent } = this.#ledger;
    if (sent === undefined || sent.kind === "release") return;
    const { incarnation, podUid } = process.facts;
    const { termMark = "", acquireTime } = sent.lease;
    if (termMark.startsWith(`${incarnation}/${podUid}/${acquireTime}`)) return;
    this.#verdicts.violated("S9", `${process.id} claims as ${termMark}`);
  }
}

/** S12: a release takes out the record of its own term, and no other. */
export class Scope implements Witness {
  readonly rule = "S12";
  readonly #verdicts: Verdicts;
  readonly #sent = new Map<string, Sent>();
  readonly #ledger: Ledger;

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  stepped({ process }: Step): void {
    const { sent } = this.#ledger;
    if (sent?.kind === "release") this.#sent.set(`${process.id} ${sent.id}`, sent);
  }

  committed({ by, id, before }: Commit): void {
    const sent = this.#sent.get(`${by} ${id}`);
    if (sent === undefined || before === undefined) return;
    const isOwn = before.termMark === sent.lease.termMark && before.holder !== "";
    if (isOwn) return;
    this.#verdicts.violated("S12", `${by} releases the record of ${before.holder}`);
  }
}
