/** The elector as its users see it. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { channels } from "./channels.ts";
import { Campaign, type CampaignOptions } from "./campaign.ts";
import { Driver } from "./driver.ts";
import type { Host } from "./host.ts";
import { type Logger, logNote } from "./logger.ts";
import { type MetricsRegistry, registerMetrics } from "./metrics.ts";
import { createObservers, type Leader, type ObserveOptions, type Observers } from "./observers.ts";
import type { Campaigning } from "./program/state.ts";
import { type KubeConfigLike, realHost } from "./real-host.ts";
import { type ElectionDurations, type LeaseName, readSettings } from "./settings.ts";
import type { Term } from "./term.ts";

/** What an elector is made with. */
export interface ElectorOptions {
  /** The Lease that is contended for; it is created where there is none. */
  readonly lease: LeaseName;
  /**
   * The API server and who we are to it: a `KubeConfig` of `@kubernetes/client-node`. Without it the
   * service account of the pod, or else the file that `KUBECONFIG` names.
   */
  readonly kubeConfig?: KubeConfigLike;
  /**
   * What stands in the Lease as its holder: 1 to 253 bytes. The host name and 128 random bits unless
   * told. Two processes with one identity are told apart by their incarnation, but not by a Go elector.
   */
  readonly identity?: string;
  /** 15, 10 and 2 seconds unless told, as in client-go. */
  readonly durations?: ElectionDurations;
  /**
   * What happens when a function still runs at the hard deadline of its term, when another may soon
   * lead. `exit`, unless told: the process ends with a message on stderr and code 70, or by SIGKILL where
   * its loop is blocked; in one process nothing else keeps the promise. `warn`: a line of the log, and
   * two may run at once.
   */
  readonly onOverrun?: "exit" | "warn";
  /** Takes a line per event; nothing is logged without it. `console` is one. */
  readonly logger?: Logger;
  /** A `Registry` of prom-client; electors may share one. */
  readonly metrics?: MetricsRegistry;
  /** What carries the elector in place of this process: see `k8s-await-election/testing`. */
  readonly host?: Host;
}

/**
 * Elects one of the processes that share a Lease, and runs a function in it.
 *
 * An elector holds no connection while it neither campaigns nor observes. Closing it, or `await using`,
 * ends both.
 */
export class LeaderElector implements AsyncDisposable {
  /** What stands in the Lease while this elector leads. */
  readonly identity: string;
  readonly #host: Host;
  readonly #driver: Driver;
  readonly #observers: Observers;
  readonly #options: ElectorOptions;
  #campaign: Campaign | undefined;
  #ending: Promise<unknown> = Promise.resolve();
  #state: Campaigning | undefined;
  #isClosed = false;
  #unregister = (): unknown => undefined;

  /** @throws SettingsError that names every option that is wrong. */
  constructor(options: ElectorOptions) {
    const incarnation = randomBytes(16).toString("hex");
    const { identity = `${hostname()}_${incarnation}`, lease, durations, logger } = options;
    const settings = readSettings(lease, identity, durations);
    this.identity = identity;
    this.#options = options;
    this.#host = options.host ?? realHost(options.kubeConfig);
    this.#driver = new Driver({
      settings: {
        ...settings.lease,
        timing: settings.timing,
        self: {
          identity,
          // Nothing is known of a former process of this pod, so it is waited for like any other.
          mark: { incarnation, podUid: "", pid1: false },
          soleHolder: false,
          strict: false,
        },
        about: {},
      },
      seed: randomBytes(4).readUInt32LE(),
      host: this.#host,
      carryOut: (order) => this.#campaign?.carryOut(order),
      say: (note) => logNote(logger, note, settings.lease),
      stepped: (state) => this.#stepped(state),
      failed: (error) => this.#failed(error),
    });
    this.#observers = createObservers((isWanted) => {
      this.#driver.report({ type: "observe", isWanted });
    });
    const { metrics } = options;
    if (metrics !== undefined) {
      this.#unregister = registerMetrics(metrics, settings.lease, () => this.#state);
    }
  }

  /**
   * Contends for the Lease, and calls the function once it is ours. The lease is kept until the function
   * has ended, and released then.
   *
   * Resolves with what the function returned. Rejects with what it threw; with a `TermEndedError` where
   * the term was lost or late before the function had ended; with the signal's reason where that was
   * aborted before the function was called. With `rejoin` it goes on after each term, until its signal is
   * aborted or the function throws while its term lasts.
   *
   * @throws ApiError when the API server cannot be addressed, or refuses our claim for good.
   */
  async campaign<T>(
    run: (term: Term) => T | PromiseLike<T>,
    options: CampaignOptions = {},
  ): Promise<T> {
    const { signal, rejoin = false } = options;
    signal?.throwIfAborted();
    if (this.#isClosed) throw new Error("Cannot campaign: the elector is closed");
    if (this.#campaign !== undefined) {
      throw new Error(
        "Cannot campaign: this elector campaigns already; make one for each function",
      );
    }
    const campaign = new Campaign(run, {
      host: this.#host,
      driver: this.#driver,
      lease: this.#options.lease,
      onOverrun: this.#options.onOverrun ?? "exit",
      logger: this.#options.logger,
      identity: this.identity,
      ...(signal === undefined ? {} : { signal }),
    });
    this.#campaign = campaign;
    try {
      this.#ending = campaign.result.catch(() => {});
      await this.#host.check();
      campaign.join(rejoin);
      return (await campaign.result) as T;
    } finally {
      campaign.close();
      this.#campaign = undefined;
    }
  }

  /**
   * Tells who leads: at once, and whenever that changes. A reader that is slow is told of the last change
   * only. Rejects with the signal's reason when that is aborted.
   *
   * It tells what the Lease says: a leader that crashed stands there until the next one has claimed it.
   */
  async *observe(options: ObserveOptions = {}): AsyncGenerator<Leader, void, undefined> {
    if (this.#isClosed) throw new Error("Cannot observe: the elector is closed");
    await this.#host.check();
    yield* this.#observers.observe(options);
  }

  /** Leaves a campaign, waits until its function has ended and the lease is released, and ends all. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#observers.close();
    this.#campaign?.leave(new Error("The elector was closed"));
    await this.#ending;
    this.#unregister();
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #stepped(state: Campaigning): void {
    this.#state = state;
    this.#observers.stepped(state);
  }

  /** Nothing that the program holds true can be trusted: the guard still keeps the deadline. */
  #failed(error: unknown): void {
    channels.failure.publish({ lease: this.#options.lease, identity: this.identity, error });
    this.#observers.fail(error);
    this.#campaign?.fail(error);
  }
}
