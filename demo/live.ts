/** The live demo: shows the world in the terminal until somebody quits. */
import type { ReadStream, WriteStream } from "node:tty";
import { actByKey, isQuit } from "./keys.ts";
import { nowNs, settle } from "./clock.ts";
import { type Holding, type Lane, lanesOf, type Sight, sightLease } from "./lanes.ts";
import { drawView } from "./picture.ts";
import { type Summary, summarize } from "./summary.ts";
import { openTerminal } from "./terminal.ts";
import { pauseFor } from "./until.ts";
import { durations, type World } from "./world.ts";

export interface LiveOptions {
  readonly input: ReadStream;
  readonly output: WriteStream;
  readonly signal: AbortSignal;
}

const everyMs = 100;
const greeting = "Disturb the leader by a key, and see who runs the command next.";

/** @throws the signal's reason when it is aborted. */
export async function playLive(world: World, options: LiveOptions): Promise<Summary> {
  const { input, output, signal } = options;
  const startedNs = settle();
  const quit = new AbortController();
  let news = greeting;
  using terminal = openTerminal({ input, output, onKey: (key) => void press(key) });

  async function press(key: string): Promise<void> {
    if (isQuit(key)) return quit.abort();
    // What fails here is a request to an API server that is being closed, and shows.
    news = (await actByKey(key, world).catch((error: unknown) => String(error))) ?? news;
  }

  await Promise.all([world.add(), world.add(), world.add()]);
  let lanes: readonly Lane[] = [];
  let holding: Holding | undefined;
  while (!quit.signal.aborted) {
    const now = nowNs();
    holding = sightLease(holding, await world.cluster.lease().catch(() => undefined), now);
    const leaseMs = durations.leaseSeconds * 1000;
    lanes = lanesOf(lanes, sightsOf(world), { holding, leaseMs, nowNs: now });
    terminal.show(
      drawView({
        title: `on the ${world.cluster.title}, timings 5/3/1`,
        nowNs: now,
        startedNs,
        lanes,
        ...(holding === undefined ? {} : { holding }),
        intervals: world.lives().intervals(),
        news,
        columns: terminal.columns,
        hasColor: terminal.hasColor,
      }),
    );
    await pauseFor(everyMs, signal);
  }
  const steps = [{ step: "all of it", fromNs: startedNs }];
  return summarize(steps, nowNs(), world.lives().intervals());
}

function sightsOf(world: World): readonly Sight[] {
  const lives = world.lives();
  const running = world.running();
  return world.replicas.map(({ name, condition, isConnected, proxy }) => {
    const life = running.findLast(({ replica }) => replica === name);
    const port = life === undefined ? undefined : lives.portOf(life.pid);
    return {
      name,
      condition,
      isConnected,
      isCut: proxy.isCut,
      ...(life === undefined ? {} : { life }),
      ...(port === undefined ? {} : { port }),
    };
  });
}
