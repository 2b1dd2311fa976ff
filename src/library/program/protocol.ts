/**
 * What passes between the library's program and its host, beside the exchanges of
 * `src/core/protocol.ts`. The same rules hold: plain data, no stored timer, every `run` ends in one
 * `settled`.
 */
import type { Order as CoreOrder, Instant, Report as CoreReport } from "../../core/protocol.ts";

/** Why a function is asked to stop. */
export type Why =
  /** The campaign's own signal was aborted, or the elector closed. */
  | { readonly how: "left" }
  | { readonly how: "resigned" }
  /** G: no renewal came through in time. */
  | { readonly how: "late" }
  | { readonly how: "lost"; readonly cause: string; readonly reason: string }
  /** A coordinator wants another in our place (contract §1.7). */
  | { readonly how: "preferred"; readonly holder: string }
  /** Nothing independent of the loop keeps the deadline any more (S14). */
  | { readonly how: "unguarded"; readonly problem: string };

/** How far the present tenure reaches. */
export interface Until {
  /** G: the function is asked to stop. */
  readonly stopAt: Instant;
  /** H: it has to be over. */
  readonly killAt: Instant;
}

/** One span of leading, as the function is told of it. */
export interface Opened {
  readonly token: string;
  readonly leaseUid: string;
  readonly transitions: number;
}

/** How a campaign ended. */
export type Finish =
  /** Its last function is over, and the lease let go. */
  | { readonly how: "ended" }
  /** It left before a function was started. */
  | { readonly how: "left" }
  /** The term did not last as long as its function. */
  | { readonly how: "stopped"; readonly why: Why }
  /** The API server finds our claim invalid: no retry can help. */
  | { readonly how: "rejected"; readonly problem: string };

export type Order =
  | Extract<CoreOrder, { type: "request" | "watch" | "abandon" }>
  /** Calls the function; it is to be over by `killAt`, which `prolong` moves. */
  | { readonly type: "run"; readonly term: Opened; readonly until: Until }
  | { readonly type: "prolong"; readonly until: Until }
  /** Aborts the signal that the function was given. */
  | { readonly type: "abort"; readonly why: Why }
  /** H has passed and the function still runs. */
  | { readonly type: "overrun" }
  | { readonly type: "finish"; readonly finish: Finish };

export type Report =
  | Extract<
      CoreReport,
      { type: "tick" | "answered" | "unanswered" | "opened" | "line" | "ended" | "guardLost" }
    >
  /** A campaign begins; with `rejoin` it goes on after a term. */
  | { readonly type: "join"; readonly rejoin: boolean }
  | { readonly type: "leave" }
  | { readonly type: "resign" }
  /** Whether somebody wants to know who leads. */
  | { readonly type: "observe"; readonly isWanted: boolean }
  /** The function is over; `isFailed` if it threw. */
  | { readonly type: "settled"; readonly isFailed: boolean };
