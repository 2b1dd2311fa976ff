/** Those who want to know who leads. */
import { type View, viewOf } from "./program/leader.ts";
import type { Campaigning } from "./program/state.ts";

/** Who leads, by the Lease. */
export interface Leader {
  /** The holder; empty while nobody leads. */
  readonly identity: string;
  /** When its term began by its own clock: for humans. Missing while nobody leads. */
  readonly since?: Date;
  /** Whether it is this elector. */
  readonly isSelf: boolean;
}

/** How an observation ends. */
export interface ObserveOptions {
  /** Ends it: the iterator rejects with its reason. */
  readonly signal?: AbortSignal;
}

export interface Observers {
  observe(options: ObserveOptions): AsyncGenerator<Leader, void, undefined>;
  stepped(state: Campaigning): void;
  fail(error: unknown): void;
  /** Ends all of them, without an error. */
  close(): void;
}

type End = { readonly how: "closed" } | { readonly how: "failed"; readonly error: unknown };

export function createObservers(want: (isWanted: boolean) => void): Observers {
  /** Wakes those who wait for a change. */
  const waiting = new Set<() => void>();
  let observers = 0;
  let key = "";
  let leader: Leader | undefined;
  let end: End | undefined;

  function wake(): void {
    for (const awake of waiting) awake();
    waiting.clear();
  }

  async function* observe({ signal }: ObserveOptions): AsyncGenerator<Leader, void, undefined> {
    let told = "";
    observers += 1;
    signal?.addEventListener("abort", wake);
    try {
      if (observers === 1) want(true);
      for (;;) {
        signal?.throwIfAborted();
        if (end?.how === "failed") throw end.error;
        if (end !== undefined) return;
        if (leader !== undefined && key !== told) {
          told = key;
          yield leader;
        } else await new Promise<void>((resolve) => waiting.add(resolve));
      }
    } finally {
      signal?.removeEventListener("abort", wake);
      observers -= 1;
      if (observers === 0) {
        leader = undefined;
        key = "";
        want(false);
      }
    }
  }

  return {
    observe,
    stepped({ election }) {
      if (observers === 0) return;
      const view = viewOf(election);
      const seen = view === undefined ? "" : JSON.stringify(view);
      if (view === undefined || seen === key) return;
      key = seen;
      leader = leaderOf(view);
      wake();
    },
    fail(error) {
      end ??= { how: "failed", error };
      wake();
    },
    close() {
      end ??= { how: "closed" };
      wake();
    },
  };
}

function leaderOf({ holder, acquireTime, isSelf }: View): Leader {
  const since = acquireTime === undefined ? undefined : new Date(acquireTime);
  return { identity: holder, isSelf, ...(since === undefined ? {} : { since }) };
}
