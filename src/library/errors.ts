/** The errors that a caller can tell apart, each of them a decision. */
import type { Why } from "./program/protocol.ts";

/** The options cannot be used: fix them and start again. Every misfit is named. */
export class SettingsError extends Error {
  /** As in every error: its class. */
  override readonly name = "SettingsError";
}

/** The API server cannot be addressed, or refuses our claim for good. */
export class ApiError extends Error {
  /** As in every error: its class. */
  override readonly name = "ApiError";
}

/**
 * Why a term ended before its function did. It is the `reason` of `term.signal`, and what `campaign()`
 * rejects with where the term was lost or late.
 */
export class TermEndedError extends Error {
  /** As in every error: its class. */
  override readonly name = "TermEndedError";
  /**
   * `lost`: the Lease shows that it is not ours any more, and another may lead · `late`: no renewal
   * came through in time, and nobody else leads yet · `resigned`: the function itself asked for it ·
   * `preferred`: a coordinator wants another leader · `unguarded`: the thread that keeps the deadline is
   * gone.
   */
  readonly how: Exclude<Why["how"], "left">;

  constructor(why: Exclude<Why, { how: "left" }>, options?: ErrorOptions) {
    super(messageOf(why), options);
    this.how = why.how;
  }
}

function messageOf(why: Exclude<Why, { how: "left" }>): string {
  switch (why.how) {
    case "resigned":
      return "The term ended: it was resigned";
    case "late":
      return "The term ended: the lease could not be renewed in time";
    case "lost":
      return `The term ended: the lease was lost, ${why.reason}`;
    case "preferred":
      return `The term ended: a coordinator prefers ${JSON.stringify(why.holder)}`;
    case "unguarded":
      return `The term ended: ${why.problem}`;
  }
}
