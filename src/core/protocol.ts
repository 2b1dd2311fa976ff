/**
 * The one contract between the program and a host.
 *
 * The program is `begin(facts) → [state, ...orders]` and `step(state, report, now) → [state,
 * ...orders]`; a host carries orders out in the order given and reports what happened. Rules:
 *
 * - Everything here survives a JSON round trip unchanged: no functions, no `undefined` values.
 * - Every `request` ends in exactly one `answered` or `unanswered`, unless it is abandoned.
 * - Every `watch` ends in exactly one of `answered` (the server refused it), `unanswered` (it never
 *   opened) or `ended` (it had opened), unless it is abandoned.
 * - Every `guard` with a new `at` is confirmed by one `guardReady` with that `at`.
 * - Every `start` ends in `startFailed`, or in `started` and later one `exited`.
 * - Every `kill` ends in one `emptied`, however long that takes; `remaining` may come before it. A
 *   `kill` with no command running is answered by `emptied` as well.
 * - Every `probe` ends in one `probed`, unless it is abandoned. One that executes something shares the
 *   term of the command: whatever of it is left is gone before `emptied` is reported.
 * - Every `asked` wants one `reply`; a reply to a client that is gone is dropped.
 * - There is no stored timer: a host waits for the next report or until `wakeAt(state)` and then
 *   reports `tick`.
 */

declare const instantBrand: unique symbol;

/**
 * Milliseconds on the host's suspend-counting clock (CLOCK_BOOTTIME). Only differences mean
 * anything; every decision is made on this clock.
 */
export type Instant = number & { readonly [instantBrand]: never };

/** The time of a step. */
export interface Now {
  readonly instant: Instant;
  /** Milliseconds since 1970: only for what a human or another client reads. */
  readonly wallMs: number;
}

/** What a host knows at start and cannot change later. */
export interface Facts {
  /** The only source of chance: an unsigned 32-bit number. */
  readonly seed: number;
  /** 32 random hexadecimal digits, new at every start of the process (contract S9). */
  readonly incarnation: string;
  /** The `K8S_AWAIT_ELECTION_*` variables and nothing else of the environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** Whether a command was given. Its words stay in the host. */
  readonly hasCommand: boolean;
  /** Why the command could not be started even now, if the host can tell. */
  readonly commandProblem?: StartProblem;
  readonly podUid?: string;
  readonly podName?: string;
  readonly hostName: string;
  /** Of this program, for who asks. */
  readonly version?: string;
  /** The process is PID 1 of its PID namespace: when it dies the kernel kills the whole tree. */
  readonly isPid1: boolean;
  readonly abilities: Abilities;
  /** Why the API server cannot be addressed at all, such as a missing service-account file. */
  readonly apiProblem?: string;
}

export interface Abilities {
  /** Nothing the command started can outlive the host unseen (PID 1, or pdeathsig in every child). */
  readonly treeDiesWithHost: boolean;
  /** Orphans of the command are reaped; otherwise zombies stay until the container ends. */
  readonly reapsOrphans: boolean;
  /**
   * The host holds the pod's start lock for this Lease, for life, in a network namespace that the
   * pod has to itself (contract L8).
   */
  readonly soleHolder: boolean;
}

/** Why a command could not be started: `errno` is a name such as `ENOENT`. */
export interface StartProblem {
  readonly errno: string;
  readonly message: string;
}

export type Method = "GET" | "POST" | "PUT" | "PATCH";

/** What is asked whether the command is ready. */
export type ProbeTarget =
  /** One GET; 200 to 399 is a yes, as for kubelet. A redirect is not followed. */
  | {
      readonly by: "http";
      /** A name or an address, IPv6 without brackets. */
      readonly host: string;
      readonly port: number;
      readonly path: string;
    }
  /** One connection that is closed at once; that it opens is a yes. */
  | { readonly by: "tcp"; readonly host: string; readonly port: number }
  /** Executed with the command's environment, its output dropped; code 0 is a yes. */
  | { readonly by: "exec"; readonly argv: readonly string[] };

/** What the program wants done. */
export type Order =
  /**
   * Sends one request to the API server. The host adds address, TLS and token, ends it after
   * `timeoutMs` in all, and with `fresh` takes a new connection (and another address, if there are
   * several).
   */
  | {
      readonly type: "request";
      readonly id: string;
      readonly method: Method;
      readonly path: string;
      readonly body?: string;
      /** Of the body: `application/json` unless told. A PATCH has to tell. */
      readonly contentType?: string;
      readonly timeoutMs: number;
      readonly fresh?: true;
    }
  /** Opens a stream of lines; `timeoutMs` is how long its headers may take. */
  | {
      readonly type: "watch";
      readonly id: string;
      readonly path: string;
      readonly timeoutMs: number;
      readonly fresh?: true;
    }
  /** Destroys an exchange or a probe; nothing more is reported about it. A write may still be applied. */
  | { readonly type: "abandon"; readonly id: string }
  /** Arms or moves the watchdog, which kills the tree at `at` whatever the loop does; or disarms it. */
  | { readonly type: "guard"; readonly at?: Instant }
  /** Starts the command in its own session and process group, with these variables added. */
  | { readonly type: "start"; readonly addEnv: Readonly<Record<string, string>> }
  /** Sends a signal to the command's process group. */
  | { readonly type: "signal"; readonly signal: string }
  /** Kills the whole tree and goes on until it is verified empty. */
  | { readonly type: "kill" }
  /** Asks whether the command is ready; `timeoutMs` is how long that may take in all. */
  | {
      readonly type: "probe";
      readonly id: string;
      readonly target: ProbeTarget;
      readonly timeoutMs: number;
    }
  /** Serves plain HTTP; a missing host means every address. Tried again by a new order only. */
  | { readonly type: "listen"; readonly host?: string; readonly port: number }
  | {
      readonly type: "reply";
      readonly id: string;
      readonly status: number;
      readonly contentType: string;
      readonly body: string;
    }
  /** Writes one line to standard error without ever blocking the loop. */
  | { readonly type: "print"; readonly line: string }
  /** The host becomes the command, unchanged; only a failure is reported. */
  | { readonly type: "become" }
  /** Ends the host, once the lines printed before are out as far as anybody reads them. */
  | { readonly type: "exit"; readonly code: number };

/** What happened. */
export type Report =
  | { readonly type: "tick" }
  /** The host itself received this signal, such as `SIGTERM`. */
  | { readonly type: "signalled"; readonly signal: string }
  | {
      readonly type: "answered";
      readonly id: string;
      readonly status: number;
      /** From a `Retry-After` header that holds a number of seconds. */
      readonly retryAfterMs?: number;
      /** At most 1 MiB; a longer body is `unanswered`. */
      readonly body: string;
    }
  | { readonly type: "unanswered"; readonly id: string; readonly error: string }
  | { readonly type: "opened"; readonly id: string }
  | { readonly type: "line"; readonly id: string; readonly text: string }
  | { readonly type: "ended"; readonly id: string; readonly error?: string }
  | { readonly type: "guardReady"; readonly at: Instant }
  | { readonly type: "guardFired" }
  /** The watchdog is gone or stalled: nothing independent of the loop protects the deadline. */
  | { readonly type: "guardLost"; readonly message: string }
  | { readonly type: "started"; readonly pid: number }
  | { readonly type: "startFailed"; readonly errno: string; readonly message: string }
  | { readonly type: "exited"; readonly code: number }
  | { readonly type: "exited"; readonly signal: string }
  | { readonly type: "emptied" }
  /** What a `kill` has not ended yet; `stuck` are those in uninterruptible sleep. */
  | {
      readonly type: "remaining";
      readonly pids: readonly number[];
      readonly stuck: readonly number[];
    }
  /** `detail` says what was found, in at most 300 characters and without any content. */
  | {
      readonly type: "probed";
      readonly id: string;
      readonly ok: boolean;
      readonly detail: string;
    }
  | { readonly type: "listening" }
  | { readonly type: "listenFailed"; readonly message: string }
  | { readonly type: "asked"; readonly id: string; readonly method: string; readonly path: string }
  | { readonly type: "becomeFailed"; readonly errno: string; readonly message: string };

/** A report that the rules above exclude: a bug in this project, never the world's doing. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** Marks milliseconds of the suspend-counting clock as an instant. */
export function instant(ms: number): Instant {
  return ms as Instant;
}

/** The instant `ms` milliseconds after `at`. */
export function later(at: Instant, ms: number): Instant {
  return instant(at + ms);
}
