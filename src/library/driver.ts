/**
 * Runs the program of one elector: takes one report at a time to it and carries out what it orders.
 * There is never a stored timer beyond the one that wakes it.
 */
import type { ElectionSettings } from "../core/election.ts";
import type { Note } from "../core/notes.ts";
import type { Now, Report as CoreReport } from "../core/protocol.ts";
import { redactReport } from "../core/redact.ts";
import type { Host, Link } from "./host.ts";
import * as programs from "./program/campaigning.ts";
import type { Order, Report } from "./program/protocol.ts";
import type { Campaigning, Effect, Step } from "./program/state.ts";

export interface DriverOptions {
  readonly settings: ElectionSettings;
  /** The only source of chance: an unsigned 32-bit number. */
  readonly seed: number;
  readonly host: Host;
  /** What is about the function or the campaign; exchanges are the driver's own. */
  readonly carryOut: (order: FunctionOrder) => void;
  readonly say: (note: Note) => void;
  /** After every step. */
  readonly stepped: (state: Campaigning) => void;
  /** A bug of ours, or a clock that cannot be read: nothing goes on (contract S14). */
  readonly failed: (error: unknown) => void;
}

export type FunctionOrder = Extract<
  Order,
  { type: "run" | "prolong" | "abort" | "overrun" | "finish" }
>;

export class Driver {
  readonly #options: DriverOptions;
  readonly #inbox: Report[] = [];
  #state: Campaigning | undefined;
  #link: Link | undefined;
  #silence = (): void => {};
  #isBusy = false;
  #hasFailed = false;

  constructor(options: DriverOptions) {
    this.#options = options;
  }

  /** Takes a report at any time, also while an order is carried out. */
  report(report: Report): void {
    if (this.#hasFailed) return;
    this.#inbox.push(report);
    if (!this.#isBusy) this.#work();
  }

  /** Works off every report, those that come meanwhile too, and sleeps until the deadline. */
  #work(): void {
    this.#isBusy = true;
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
        this.#take(next);
      }
      this.#sleep();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isBusy = false;
    }
  }

  #take(report: Report): void {
    const { host, stepped } = this.#options;
    const step = this.#step(report, host.time.now());
    if (step === undefined) return;
    const [state, ...effects] = step;
    this.#state = state;
    for (const effect of effects) this.#obey(effect);
    stepped(state);
    // Nothing is under way, and an open connection would keep the process alive.
    if (state.isResting) this.#unlink();
  }

  #step(report: Report, now: Now): Step | undefined {
    const { settings, seed } = this.#options;
    if (this.#state !== undefined) return programs.step(this.#state, report, now);
    const isWish = report.type === "join" || report.type === "observe";
    return isWish ? programs.begin(settings, seed, report, now) : undefined;
  }

  #obey(effect: Effect): void {
    switch (effect.type) {
      case "note":
        return this.#options.say(effect);
      case "request":
        return this.#linked().request(effect);
      case "watch":
        return this.#linked().watch(effect);
      case "abandon":
        return this.#linked().abandon(effect.id);
      default:
        return this.#options.carryOut(effect);
    }
  }

  #linked(): Link {
    const tell = (it: CoreReport) => {
      this.report(redactReport(it, this.#link?.secrets() ?? []) as Report);
    };
    this.#link ??= this.#options.host.openLink(tell);
    return this.#link;
  }

  #unlink(): void {
    this.#link?.close();
    this.#link = undefined;
  }

  #sleep(): void {
    this.#silence();
    const at = this.#state && programs.wakeAt(this.#state);
    if (at === undefined) return;
    const { time } = this.#options.host;
    this.#silence = time.after(Math.max(0, at - time.now().instant), () =>
      this.report({ type: "tick" }),
    );
  }

  #fail(error: unknown): void {
    this.#hasFailed = true;
    this.#silence();
    this.#unlink();
    this.#inbox.length = 0;
    this.#options.failed(error);
  }
}
