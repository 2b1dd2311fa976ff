/** One call of `campaign()`: the function, what it came to, and what is owed to its caller. */
import { note } from "../core/notes.ts";
import { type ChannelMessage, channels } from "./channels.ts";
import type { Driver, FunctionOrder } from "./driver.ts";
import { ApiError, TermEndedError } from "./errors.ts";
import type { Guard, Host } from "./host.ts";
import { type Logger, logNote } from "./logger.ts";
import type { Finish, Opened, Until, Why } from "./program/protocol.ts";
import type { LeaseName } from "./settings.ts";
import { createTerm, type Term, type TermControl } from "./term.ts";

/** How a campaign goes on and ends. */
export interface CampaignOptions {
  /** Leaves the campaign: the term's signal is aborted with its reason, and no other term follows. */
  readonly signal?: AbortSignal;
  /** Goes on after a term has ended, be it lost, resigned or done. False unless told. */
  readonly rejoin?: boolean;
}

interface Options {
  readonly host: Host;
  readonly driver: Driver;
  readonly lease: LeaseName;
  readonly identity: string;
  readonly onOverrun: "exit" | "warn";
  readonly logger: Logger | undefined;
  readonly signal?: AbortSignal;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** A function that is called, until it has ended. */
interface Call {
  readonly control: TermControl;
  readonly guard: Guard | undefined;
  readonly token: string;
}

export class Campaign {
  readonly result: Promise<unknown>;
  readonly #run: (term: Term) => unknown;
  readonly #options: Options;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  #call: Call | undefined;
  /** What the last function came to. */
  #outcome: Outcome | undefined;
  /** The first reason to leave wins. */
  #leaving: { readonly reason: unknown } | undefined;
  /** What the last function was asked to stop with. */
  #aborted: unknown;
  #failure: { readonly error: unknown } | undefined;
  #hasJoined = false;

  constructor(run: (term: Term) => unknown, options: Options) {
    this.#run = run;
    this.#options = options;
    const { promise, resolve, reject } = createResult();
    this.result = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  join(rejoin: boolean): void {
    if (this.#leaving !== undefined) return;
    this.#hasJoined = true;
    this.#options.driver.report({ type: "join", rejoin });
  }

  carryOut(order: FunctionOrder): void {
    switch (order.type) {
      case "run":
        return this.#start(order.term, order.until);
      case "prolong":
        this.#call?.guard?.arm(order.until.killAt);
        return this.#call?.control.prolong(order.until);
      case "abort":
        return this.#abort(order.why);
      case "overrun":
        return this.#overrun();
      case "finish":
        return this.#finish(order.finish);
    }
  }

  leave(reason: unknown): void {
    this.#leaving ??= { reason };
    if (this.#hasJoined) this.#options.driver.report({ type: "leave" });
    else this.#reject(reason);
  }

  /** The program is gone: what runs is to stop, and nothing follows. */
  fail(error: unknown): void {
    this.#failure = { error };
    if (this.#call === undefined) return this.#reject(error);
    this.#abort({
      how: "unguarded",
      problem: error instanceof Error ? error.message : String(error),
    });
  }

  /** Listens to its signal no more. */
  close(): void {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }

  readonly #onAbort = (): void => this.leave(this.#options.signal?.reason);

  #start(opened: Opened, until: Until): void {
    const { host, driver, onOverrun, lease } = this.#options;
    this.#outcome = undefined;
    this.#aborted = undefined;
    const control = createTerm(opened, {
      time: host.time,
      until,
      resign: () => driver.report({ type: "resign" }),
      leaveReason: () => this.#leaving?.reason,
    });
    const lost = (message: string) => driver.report({ type: "guardLost", message });
    const guard = onOverrun === "exit" ? host.createGuard(overrunMessage(lease), lost) : undefined;
    this.#call = { control, guard, token: opened.token };
    guard?.arm(until.killAt);
    channels.start.publish(this.#message());
    void Promise.resolve(control.term)
      .then(this.#run)
      .then(
        (value) => this.#over({ value }),
        (error: unknown) => this.#over({ error }),
      );
  }

  #over(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#call?.guard?.disarm();
    this.#call?.control.close();
    channels.end.publish(this.#message());
    this.#call = undefined;
    this.#options.driver.report({ type: "settled", isFailed: "error" in outcome });
    if (this.#failure !== undefined) this.#reject(this.#failure.error);
  }

  #abort(why: Why): void {
    this.#call?.control.abort(why);
    this.#aborted = this.#call?.control.term.signal.reason;
    channels.abort.publish({ ...this.#message(), reason: this.#aborted });
  }

  #overrun(): void {
    const { lease, logger, onOverrun, host } = this.#options;
    const message = overrunMessage(lease);
    channels.overrun.publish(this.#message());
    logNote(logger, note("error", message), lease);
    if (onOverrun === "exit") host.exit(message);
  }

  #finish(end: Finish): void {
    const outcome = this.#outcome;
    switch (end.how) {
      case "ended":
        return outcome !== undefined && "value" in outcome
          ? this.#resolve(outcome.value)
          : this.#reject(outcome?.error);
      case "left":
        return this.#reject(this.#leaving?.reason);
      case "stopped":
        return this.#reject(this.#stoppedBy(end.why));
      case "rejected":
        return this.#reject(new ApiError(`Cannot claim the lease: ${end.problem}`));
    }
  }

  #stoppedBy(why: Why): unknown {
    if (why.how === "left") return this.#leaving?.reason;
    const outcome = this.#outcome;
    const error = outcome !== undefined && "error" in outcome ? outcome.error : undefined;
    const isOwn = error === undefined || error === this.#aborted;
    if (isOwn && this.#aborted instanceof TermEndedError) return this.#aborted;
    return new TermEndedError(why, error === undefined ? {} : { cause: error });
  }

  #message(): ChannelMessage {
    const { lease, identity } = this.#options;
    const token = this.#call?.token;
    return { lease, identity, ...(token === undefined ? {} : { token }) };
  }
}

function overrunMessage({ namespace, name }: LeaseName): string {
  return (
    `k8s-await-election: the function that led ${namespace}/${name} did not stop before its lease ` +
    "may be another's"
  );
}

interface Result {
  readonly promise: Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

function unset(): void {}

/** `Promise.withResolvers` is not in Node 20. */
function createResult(): Result {
  let resolve: Result["resolve"] = unset;
  let reject: Result["reject"] = unset;
  const promise = new Promise<unknown>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  // Whoever campaigns awaits it; the elector that is closed meanwhile does too.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
