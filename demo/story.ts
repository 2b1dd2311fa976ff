/**
 * The story: what can befall a leader, one thing after the other, and what came of it.
 *
 * It is played by looking only at what the commands wrote and which processes there are, so that it
 * can be played against any entry point.
 */
import { nowNs, settle } from "./clock.ts";
import type { Interval } from "./journal.ts";
import type { Replica } from "./replica.ts";
import { type Scene, scenes } from "./scenes.ts";
import { type Mark, type StepSummary, type Summary, summarize } from "./summary.ts";
import { pauseFor, until } from "./until.ts";
import type { World } from "./world.ts";

export interface StoryOptions {
  readonly signal: AbortSignal;
  /** Says a sentence. */
  readonly say: (line: string) => void;
  /** Whether it is our own entry point, of which is known why it does what it does. */
  readonly isOurs: boolean;
}

/** Enough also for entry points that know no shorter lease than 15 s. */
const limitMs = 25_000;

/** For a replica to be back; an entry point that asks no API server never shows that it is. */
const readyLimitMs = 5000;

/** How long a new leader is watched before the next thing befalls it. */
const watchMs = 1500;

/** @throws the signal's reason when it is aborted. */
export async function playStory(world: World, options: StoryOptions): Promise<Summary> {
  settle();
  const marks: Mark[] = [];
  for (const scene of scenes) {
    marks.push({ step: scene.step, fromNs: nowNs() });
    const played = await playScene(world, scene, options);
    const summary = summarize(marks, nowNs(), world.lives().intervals());
    const step = summary.steps.at(-1);
    if (step !== undefined) options.say(sentenceOf(scene, played, step, options.isOurs));
  }
  return summarize(marks, nowNs(), world.lives().intervals());
}

interface Played {
  /** Whom it befell. */
  readonly hit: string;
  /** Who runs the command now; nobody within the limit. */
  readonly next?: string;
}

async function playScene(
  world: World,
  scene: Scene,
  { signal, say }: StoryOptions,
): Promise<Played> {
  const before = world.running().at(-1);
  const victim = world.replicas.find(({ name }) => name === before?.replica);
  await scene.act(world, victim);
  // Those that ran beside it all the time count as well: there is nothing more to wait for.
  const successor = (): Interval | undefined =>
    world.running().findLast(({ pid }) => pid !== before?.pid);
  const hasCome = await until(() => successor() !== undefined, { limitMs, signal });
  if (!hasCome) complain(world, say);
  if (!hasCome && before === undefined) {
    throw new Error(`Cannot play the story: nobody ran the command within ${limitMs / 1000} s.`);
  }
  const next = successor();
  await pauseFor(watchMs, signal);
  await scene.mend?.(victim);
  const areReady = () => world.replicas.every((it) => isReady(it, world));
  await until(areReady, { limitMs: readyLimitMs, signal });
  await pauseFor(watchMs / 3, signal);
  const hit = before?.replica ?? "";
  return { hit, ...(next === undefined ? {} : { next: next.replica }) };
}

/** It has looked at the Lease, or runs the command without having asked. */
function isReady(replica: Replica, world: World): boolean {
  if (replica.condition !== "running") return false;
  return replica.isConnected || world.running().some((it) => it.replica === replica.name);
}

function sentenceOf(scene: Scene, played: Played, step: StepSummary, isOurs: boolean): string {
  const { hit, next } = played;
  const what = scene.what(hit);
  const came =
    next === undefined
      ? `nobody ran the command within ${limitMs / 1000} s`
      : isOurs
        ? scene.why(next, hit)
        : `${next} ran the command next`;
  const overlap = step.overlapMs > 0 ? `, AND TWO RAN FOR ${seconds(step.overlapMs)}` : "";
  return `${scene.step}: ${what}: ${came} (no command for ${seconds(step.gapMs)}${overlap}).`;
}

/** What may help whoever tries an entry point that does not lead. */
function complain(world: World, say: StoryOptions["say"]): void {
  for (const replica of world.replicas) {
    for (const line of world.logOf(replica)) say(`  ${replica.name}: ${line}`);
  }
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
