/**
 * The Service points at the one leader.
 *
 * S11: what is written names our pod only while B < G, and on the version that was read.
 * S5: with the API server well, no release while the Service points at the one who releases.
 * X10: it never names two, but for who is denied to take the other out; in the end it names the leader
 * alone, and nobody once all have stopped.
 */
import { later } from "../../../src/core/protocol.ts";
import type { Commit } from "../server.ts";
import type { Process, Step, Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

/** A withdrawal that is given up took so long, and failed for some of it. */
const withdrawMs = 2500;
/** What is denied is looked at again after a minute, and a leader writes for 15 s at most. */
const deniedMs = 90_000;
/** From the start of a command to its address: 5 s, and a slow try after it. */
const pointedMs = 12_000;

export class Routing implements Witness {
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;
  readonly #startedAtMs = new Map<Process, number>();
  readonly #signalled = new WeakSet<Process>();
  #addresses: readonly string[] = [];
  #deniedUntilMs = -Infinity;

  constructor(verdicts: Verdicts, ledger: Ledger) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
  }

  stepped({ process, report, orders, now }: Step): void {
    if (report?.type === "signalled") this.#signalled.add(process);
    for (const order of orders) {
      if (order.type !== "request" || order.body === undefined) continue;
      if (!/\/endpoint(s|slices)\b/.test(order.path)) continue;
      const body = JSON.parse(order.body) as {
        readonly metadata: { readonly resourceVersion?: string };
        readonly subsets?: readonly unknown[];
        readonly endpoints?: readonly unknown[];
      };
      if (order.method === "PUT" && (body.metadata.resourceVersion ?? "") === "") {
        this.#verdicts.violated("S11", `${process.id} overwrites ${order.path} blindly`);
      }
      const { confirmedAt } = this.#ledger.of(process);
      const isInTime =
        confirmedAt !== undefined && now.instant < later(confirmedAt, process.timing.stopMs);
      const names = (body.subsets ?? body.endpoints ?? []).length > 0;
      if (names && !isInTime) {
        this.#verdicts.violated("S11", `${process.id} publishes itself after G`);
      }
    }
  }

  routed(addresses: readonly string[]): void {
    this.#addresses = addresses;
    if (addresses.length < 2 || this.#verdicts.nowMs < this.#deniedUntilMs) return;
    this.#verdicts.violated("X10", `the Service points at ${addresses.join(" and ")}`);
  }

  committed({ by, after }: Commit): void {
    if (after === undefined || after.holder !== "") return;
    for (const process of this.#startedAtMs.keys()) {
      const isPointed = this.#addresses.includes(ipOf(process));
      const hadTrouble = process.outageMs(withdrawMs) > 0 || this.#isExcused();
      if (process.id !== by || !isPointed || hadTrouble) continue;
      this.#verdicts.violated("S5", `${by} releases while the Service points at it`);
    }
  }

  started(_: unknown, process?: Process): void {
    if (process !== undefined) this.#startedAtMs.set(process, this.#verdicts.nowMs);
  }

  emptied(_: unknown, process?: Process): void {
    if (process !== undefined) this.#startedAtMs.delete(process);
  }

  ended(process: Process): void {
    this.#startedAtMs.delete(process);
  }

  struck(fault: string, untilMs: number): void {
    if (fault !== "denied") return;
    this.#deniedUntilMs = Math.max(this.#deniedUntilMs, untilMs + deniedMs);
  }

  /** At the end of calm times. */
  settled(): void {
    for (const [process, atMs] of this.#startedAtMs) {
      const isNew = this.#verdicts.nowMs - atMs < pointedMs;
      const isStopping = this.#signalled.has(process);
      if (ipOf(process) === "" || isNew || isStopping || this.#isExcused()) continue;
      if (this.#addresses.join() === ipOf(process)) continue;
      const told = this.#addresses.join() || "nobody";
      this.#verdicts.violated("X10", `${process.id} leads, and the Service points at ${told}`);
    }
  }

  /** After everybody was asked to stop. */
  finish(): void {
    if (this.#addresses.length === 0 || this.#isExcused()) return;
    this.#verdicts.violated(
      "X10",
      `nobody leads, and the Service points at ${this.#addresses.join()}`,
    );
  }

  #isExcused(): boolean {
    return this.#verdicts.nowMs < this.#deniedUntilMs;
  }
}

function ipOf({ facts }: Process): string {
  const { K8S_AWAIT_ELECTION_SERVICE_NAME: service, K8S_AWAIT_ELECTION_POD_IP: ip } =
    facts.variables;
  return service === undefined ? "" : (ip ?? "");
}
