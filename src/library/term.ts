/** A term, as the function that runs in it sees it. */
import type { Opened, Until, Why } from "./program/protocol.ts";
import type { Time } from "./host.ts";
import { TermEndedError } from "./errors.ts";

/** One span of leading. It ends when the function ends, or is to end when `signal` is aborted. */
export interface Term {
  /**
   * Aborted while there is still time to stop (G: 1 s before the hard deadline, or more), or at once
   * where the lease was lost. Its reason is a `TermEndedError`, or the reason of the signal that
   * `campaign()` was given.
   */
  readonly signal: AbortSignal;
  /**
   * The resourceVersion of the write that opened the term: decimal digits, larger in every later term of
   * this Lease (KEP-5504). A store that refuses writes with a smaller token than it has seen is safe
   * from any leader that was replaced. Compare as `BigInt`, or as a number of the database.
   */
  readonly fencingToken: string;
  /** The Lease's `metadata.uid`: where it changes, the Lease was deleted and created again. */
  readonly leaseUid: string;
  /** `spec.leaseTransitions`: how often the holder changed; starts again with a new Lease. */
  readonly transitions: number;
  /**
   * Milliseconds until `signal` is aborted unless the lease is renewed before, on a clock that counts the
   * time a machine spends suspended. 0 when the term is over or nothing is sure.
   */
  timeLeftMs(): number;
  /**
   * Whether the lease is ours now, as far as this process can know. Reads a clock and nothing else, so it
   * is right after a pause or a blocked loop too. Ask before an effect that cannot be fenced; where a
   * pause between the question and the effect matters, fence.
   */
  isHeld(): boolean;
  /** Asks for the end of the term: aborts `signal`; the lease is released when the function has ended. */
  resign(): void;
}

/** The host's side of it. */
export interface TermControl {
  readonly term: Term;
  prolong(until: Until): void;
  abort(why: Why): void;
  /** The function is over: nothing is held any more. */
  close(): void;
}

interface Options {
  readonly time: Time;
  readonly until: Until;
  readonly resign: () => void;
  /** What the signal is aborted with when the campaign is left. */
  readonly leaveReason: () => unknown;
}

export function createTerm(opened: Opened, options: Options): TermControl {
  const { time, resign, leaveReason } = options;
  const controller = new AbortController();
  let { stopAt } = options.until;
  let isOpen = true;

  function timeLeftMs(): number {
    if (!isOpen || controller.signal.aborted) return 0;
    try {
      return Math.max(0, stopAt - time.now().instant);
    } catch {
      // A clock that cannot be trusted: unsure.
      return 0;
    }
  }

  return {
    term: {
      signal: controller.signal,
      fencingToken: opened.token,
      leaseUid: opened.leaseUid,
      transitions: opened.transitions,
      timeLeftMs,
      isHeld: () => timeLeftMs() > 0,
      resign: () => {
        if (isOpen) resign();
      },
    },
    prolong(until) {
      stopAt = until.stopAt;
    },
    abort(why) {
      controller.abort(why.how === "left" ? leaveReason() : new TermEndedError(why));
    },
    close() {
      isOpen = false;
    },
  };
}
