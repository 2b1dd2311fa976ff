/** Plays a plan, and has every round saved as soon as it is over. */
import { loadavg } from "node:os";
import { takeTurns, atOnce, type Turn as TakeTurn } from "./scenario.ts";
import type { Batch, Turn } from "./plan.ts";
import { Rendezvous } from "./rendezvous.ts";
import type { Round, RoundRecord } from "./results.ts";
import { Closings } from "./scope.ts";
import type { Stage } from "./stage.ts";
import { Void } from "./team.ts";

export interface PlayOptions {
  readonly stage: Stage;
  readonly batches: readonly Batch[];
  /** Reads `performance.now()`; no round begins later. */
  readonly endAtMs: number;
  readonly keep: (record: RoundRecord) => void;
}

/** How many are played at a time. */
const atATime = { turns: 5, beside: 14, alone: 1 } as const;

/** How often a round is played that comes to nothing, at most. */
const attempts = 3;

const lagEveryMs = 20;

/** Whether all was played, or the time was up. */
export async function play({ stage, batches, endAtMs, keep }: PlayOptions): Promise<boolean> {
  const lag = new Lag();
  const isLate = () => performance.now() >= endAtMs;
  for (const { lane, turns } of batches) {
    const parties = lane === "together" ? turns.length : 1;
    const turn = lane === "turns" ? takeTurns() : atOnce;
    const rendezvous = new Rendezvous(parties);
    const queue = [...turns];
    const playNext = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        if (isLate()) return;
        const shared = lane === "together" ? rendezvous : new Rendezvous(1);
        await playUntilValid(next, { stage, turn, rendezvous: shared, lag, keep });
      }
    };
    const size = lane === "together" ? turns.length : atATime[lane];
    await Promise.all(Array.from({ length: size }, playNext));
    if (queue.length > 0 || isLate()) break;
  }
  lag.close();
  return !isLate();
}

interface Around {
  readonly stage: Stage;
  readonly turn: TakeTurn;
  readonly rendezvous: Rendezvous;
  readonly lag: Lag;
  readonly keep: (record: RoundRecord) => void;
}

async function playUntilValid(turn: Turn, around: Around): Promise<void> {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const record = await playOne(turn, around);
    around.keep(record);
    // Who meets others cannot come a second time.
    if (record.isVoid !== true || turn.played.lane === "together") return;
  }
}

async function playOne(turn: Turn, around: Around): Promise<RoundRecord> {
  const { stage, rendezvous, lag } = around;
  const { scenario, profile, contestant, round, played, by, at } = turn;
  const startedAtMs = performance.now();
  const scope = new Closings();
  const part = { scope, stage, contestant: by, profile: at, round, turn: around.turn, rendezvous };
  let outcome: Round & Pick<RoundRecord, "isVoid" | "error">;
  try {
    outcome = await played.play(part);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    outcome = { figures: {}, error: text, ...(error instanceof Void && { isVoid: true }) };
  }
  await rendezvous.leave();
  // To look for what is left takes this process a while, in which it measures nothing.
  await around
    .turn(() => scope.close())
    .catch((error) => {
      outcome = { ...outcome, error: `Cannot clean up: ${String(error)}` };
    });
  return {
    scenario,
    profile,
    contestant,
    round,
    at: new Date().toISOString(),
    tookS: Math.round((performance.now() - startedAtMs) / 100) / 10,
    load: Math.round(100 * (loadavg()[0] ?? 0)) / 100,
    lagMs: Math.round(lag.since(startedAtMs)),
    ...rounded(outcome),
  };
}

/** To a hundredth: nothing here is measured any finer. */
function rounded(outcome: Round): Round {
  const figures = Object.entries(outcome.figures).map(([name, values]) => [
    name,
    values.map(hundredths),
  ]);
  const { overlapsMs } = outcome;
  return {
    ...outcome,
    figures: Object.fromEntries(figures) as Round["figures"],
    ...(overlapsMs && { overlapsMs: overlapsMs.map(hundredths) }),
  };
}

function hundredths(value: number): number {
  return Math.round(100 * value) / 100;
}

/** By how much the loop of this process is late, where what is measured is stamped. */
class Lag {
  readonly #late: { readonly atMs: number; readonly lagMs: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor() {
    let dueAtMs = performance.now() + lagEveryMs;
    this.#timer = setInterval(() => {
      const atMs = performance.now();
      if (atMs - dueAtMs > 1) this.#late.push({ atMs, lagMs: atMs - dueAtMs });
      dueAtMs = atMs + lagEveryMs;
    }, lagEveryMs);
  }

  /** The longest since then; 0 where it was never late by more than 1 ms. */
  since(ms: number): number {
    const late = this.#late.filter(({ atMs }) => atMs >= ms).map(({ lagMs }) => lagMs);
    return late.reduce((longest, lagMs) => Math.max(longest, lagMs), 0);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
