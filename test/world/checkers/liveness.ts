/**
 * Somebody leads, and soon.
 *
 * L1: once faults have ceased, nobody leads for at most the longest wait that a record can ask for.
 * L2: in calm times the next command runs 0.3 s after the last one is gone, as it was asked to stop,
 * where one of ours waits for that with a watch: who was denied anything looks now and then.
 * L3: a command's end is followed by the release within 100 ms.
 * L4: an outage of at most G − P − 0.5 s never stops the command.
 */
import { clockDrift } from "../../../src/core/timing.ts";
import { later } from "../../../src/core/protocol.ts";
import type { Tree } from "../tree.ts";
import type { Process, Step, Witness } from "../witness.ts";
import type { Ledger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";

/** Round trips, a container's start, the spread after an expiry. */
const restMs = 4000;
const handoverMs = 300;
const releaseMs = 100;
/** What was denied is tried again after half a minute, and a watch (403) after a minute. */
const deniedMs = 61_000;

export class Liveness implements Witness {
  /** Every time without a command in calm times, by what ended the one before. */
  readonly handoversMs: Record<"stopped" | "ended", number[]> = {
    stopped: [],
    ended: [],
  };
  readonly #verdicts: Verdicts;
  readonly #ledger: Ledger;
  readonly #boundMs: number;
  readonly #leaseMs: number;
  readonly #living = new Set<Process>();
  readonly #deniedAtMs = new WeakMap<Process, number>();
  readonly #signalled = new WeakSet<Process>();
  readonly #emptiedAtMs = new WeakMap<Process, number>();
  #calmSinceMs = 0;
  #alive = 0;
  #emptySinceMs = 0;
  #cause: "stopped" | "ended" | "other" = "other";

  /** `longestWaitMs`: what the least favourable record of the run asks for. */
  constructor(verdicts: Verdicts, ledger: Ledger, leaseMs: number, longestWaitMs: number) {
    this.#verdicts = verdicts;
    this.#ledger = ledger;
    this.#leaseMs = leaseMs;
    this.#boundMs = longestWaitMs * (1 + clockDrift) + restMs;
  }

  struck(_: string, untilMs: number): void {
    this.#calmSinceMs = Math.max(this.#calmSinceMs, untilMs, this.#verdicts.nowMs);
  }

  stepped(step: Step): void {
    const { process, report, orders } = step;
    this.#living.add(process);
    if (report?.type === "signalled") this.#signalled.add(process);
    if (report?.type === "answered" && [401, 403].includes(report.status)) {
      this.#deniedAtMs.set(process, this.#verdicts.nowMs);
    }
    if (this.#ledger.sent?.kind === "release") this.#judgeRelease(process);
    const stops = orders.some((order) => order.type === "signal" && order.signal === "SIGTERM");
    if (stops && report?.type !== "signalled") this.#judgeStop(step);
  }

  started(): void {
    if (this.#alive === 0) {
      this.#judgeGap();
      const gapMs = this.#verdicts.nowMs - this.#emptySinceMs;
      if (this.#cause !== "other" && this.#isCalmFor(this.#emptySinceMs, this.#leaseMs)) {
        this.handoversMs[this.#cause].push(gapMs);
        if (gapMs > handoverMs) {
          this.#verdicts.violated("L2", `${gapMs.toFixed(0)} ms from one command to the next`);
        }
      }
    }
    this.#alive += 1;
  }

  emptied(tree: Tree, process?: Process): void {
    this.#alive -= 1;
    const nowMs = this.#verdicts.nowMs;
    if (process !== undefined) this.#emptiedAtMs.set(process, nowMs);
    if (this.#alive > 0) return;
    this.#emptySinceMs = nowMs;
    const wasAsked = process !== undefined && this.#signalled.has(process);
    const cause = wasAsked ? "stopped" : tree.killedAtMs === undefined ? "ended" : "other";
    this.#cause = [...this.#living].some((one) => this.#isWaiting(one)) ? cause : "other";
  }

  ended(process: Process, isByOrder: boolean): void {
    this.#living.delete(process);
    if (!isByOrder && process.tree !== undefined) this.#cause = "other";
  }

  /** At the end of a run. */
  finish(): void {
    if (this.#alive === 0) this.#judgeGap();
  }

  #judgeGap(): void {
    const fromMs = Math.max(this.#emptySinceMs, this.#calmSinceMs);
    const gapMs = this.#verdicts.nowMs - fromMs;
    if (gapMs <= this.#boundMs) return;
    this.#verdicts.violated("L1", `nobody led for ${gapMs.toFixed(0)} ms in calm times`);
  }

  /** Knows the Lease, and is not about to leave; others are still on their way to it. */
  #isWaiting(process: Process): boolean {
    const { program } = process;
    const isCandidate = program?.name === "running" && program.election.phase.name === "candidate";
    const hasSeen = this.#ledger.of(process).seen !== undefined;
    const wasDenied =
      this.#verdicts.nowMs - (this.#deniedAtMs.get(process) ?? -Infinity) < deniedMs;
    return isCandidate && hasSeen && !wasDenied && !this.#signalled.has(process);
  }

  #isCalmFor(sinceMs: number, ms: number): boolean {
    return sinceMs - this.#calmSinceMs > ms;
  }

  #judgeRelease(process: Process): void {
    const emptiedAtMs = this.#emptiedAtMs.get(process);
    if (emptiedAtMs === undefined || !this.#isCalmFor(emptiedAtMs, this.#leaseMs)) return;
    const ms = this.#verdicts.nowMs - emptiedAtMs;
    if (ms <= releaseMs) return;
    this.#verdicts.violated(
      "L3",
      `${process.id} releases ${ms.toFixed(0)} ms after its tree ended`,
    );
  }

  #judgeStop({ process, now }: Step): void {
    const { confirmedAt } = this.#ledger.of(process);
    const { stopMs, retryMs } = process.timing;
    if (confirmedAt === undefined || now.instant < later(confirmedAt, stopMs)) return;
    const nowMs = this.#verdicts.nowMs;
    const pausedAtMs = Math.max(process.resumedAtMs, process.machine.wokeAtMs);
    const leastMs = (stopMs - retryMs - 500) / (1 + clockDrift);
    if (process.isStalled || nowMs - pausedAtMs < stopMs) return;
    const outageMs = process.outageMs(stopMs);
    if (outageMs >= leastMs) return;
    const text = `${process.id} stops its command in an outage of ${outageMs.toFixed(0)} ms`;
    this.#verdicts.violated("L4", text);
  }
}
