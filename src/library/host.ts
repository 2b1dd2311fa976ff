/** What carries an elector: a clock, timers, a way to the API server, and an end. */
import type { Now, Report } from "../core/protocol.ts";
import type { Api } from "../node/api/api.ts";

/** The process that carries electors. Opaque: the testing kit makes others than the real one. */
export interface Host {
  /** @internal */
  readonly time: Time;
  /**
   * Looks whether there is an API server to talk to, before anything is promised.
   *
   * @throws ApiError when it cannot be addressed at all.
   * @internal
   */
  check(): Promise<void>;
  /**
   * Opens a way to the API server; nothing is connected before the first exchange.
   *
   * @internal
   */
  openLink(report: (report: Report) => void): Link;
  /**
   * A deadline for a function, not armed yet; `message` is what is said when it has passed.
   *
   * @internal
   */
  createGuard(message: string, lost: (problem: string) => void): Guard;
  /**
   * Ends the process at once: a function has outlived its term.
   *
   * @internal
   */
  exit(message: string): void;
}

/** The exchanges of one elector. */
export interface Link extends Api {
  /** Credentials in use, to be kept out of every text. */
  secrets(): readonly string[];
}

export interface Time {
  /** @throws Error when a clock is unreadable or went backwards. */
  now(): Now;
  /** Calls back once so much of its time has passed; returns the way to take it back. */
  after(ms: number, happen: () => void): () => void;
}

/** Ends the process at a deadline, even if its loop is blocked. */
export interface Guard {
  /** Sets or moves the deadline: an instant of the host's clock. */
  arm(at: number): void;
  disarm(): void;
}
