/** `npm run demo`: three replicas of a command behind the entry point, live or as a story. */
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { type Arguments, parseArguments, usage } from "./arguments.ts";
import { openEmbedded, openReal } from "./cluster.ts";
import { playLive } from "./live.ts";
import { playStory } from "./story.ts";
import type { Summary } from "./summary.ts";
import { tableOf } from "./table.ts";
import { World } from "./world.ts";

const codes = { wrongOptions: 64, failed: 70 } as const;

const ours = [process.execPath, fileURLToPath(new URL("../src/cli.js", import.meta.url))];

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  let wanted: Arguments;
  try {
    wanted = parseArguments(words);
  } catch (error) {
    process.stderr.write(`demo: ${messageOf(error)}\n\n${usage}`);
    return codes.wrongOptions;
  }
  if (wanted.help) {
    process.stdout.write(usage);
    return 0;
  }
  using stopping = listenForEnds();
  try {
    const summary = await play(wanted, stopping);
    const lines = wanted.json ? [JSON.stringify(summary)] : ["", ...tableOf(summary)];
    for (const line of lines) process.stdout.write(`${line}\n`);
    return summary.overlaps > 0 ? 1 : 0;
  } catch (error) {
    if (stopping.endedBy !== undefined) return 128 + constants.signals[stopping.endedBy];
    process.stderr.write(`demo: ${messageOf(error)}\n`);
    return codes.failed;
  }
}

async function play(wanted: Arguments, stopping: Stopping): Promise<Summary> {
  const { stdin: input, stdout: output } = process;
  const { signal } = stopping;
  // The object stands alone on standard output; what is said meanwhile shows that it goes on.
  const say = (line: string): void => {
    (wanted.json ? process.stderr : process.stdout).write(`${line}\n`);
  };
  if (wanted.assets) process.stderr.write("Starting etcd and kube-apiserver …\n");
  await using cluster = await (wanted.assets ? openReal() : openEmbedded());
  const entryPoint = wanted.against ?? ours;
  await using world = new World({ cluster, entryPoint, onBroken: (error) => stopping.fail(error) });
  signal.throwIfAborted();
  return output.isTTY && input.isTTY && !wanted.json
    ? await playLive(world, { input, output, signal })
    : await playStory(world, { signal, say, isOurs: wanted.against === undefined });
}

interface Stopping {
  /** Aborted with the reason to end before the end. */
  readonly signal: AbortSignal;
  readonly endedBy: NodeJS.Signals | undefined;
  fail(error: unknown): void;
  [Symbol.dispose](): void;
}

/** Whatever ends it, the world is closed before: these signals do not end the process itself. */
function listenForEnds(): Stopping {
  const controller = new AbortController();
  let endedBy: NodeJS.Signals | undefined;
  const end = (name: NodeJS.Signals): void => {
    endedBy ??= name;
    controller.abort();
  };
  const fail = (error: unknown): void => controller.abort(error);
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of names) process.on(name, end);
  // A reader of ours that is gone, such as `head`; it is so until the very end.
  process.stdout.on("error", fail);
  return {
    signal: controller.signal,
    get endedBy() {
      return endedBy;
    },
    fail,
    [Symbol.dispose]() {
      for (const name of names) process.off(name, end);
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
