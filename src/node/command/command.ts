/**
 * Carries out the orders `start`, `signal`, `kill` and `become`, and reports what became of them.
 *
 * The command runs in a session and process group of its own, its standard streams are the host's.
 * Beyond the rules of the protocol: `exited` comes before the `emptied` of the same tree, and a
 * report may be made before the order's function has returned.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { InvariantError, type Report } from "../../core/protocol.ts";
import { becomeCommand } from "./become.ts";
import { errnoOf, lookUp, problemOf } from "./executable.ts";
import { findProcProblem, isStuck } from "./processes.ts";
import { createKill, createScan, pauseAfterMs, type Scan, type Tree, treeOf } from "./tree.ts";

export type CommandReport = Extract<
  Report,
  {
    type: "started" | "startFailed" | "exited" | "emptied" | "remaining" | "becomeFailed";
  }
>;

export interface CommandOptions {
  /** The command's words, at least one. */
  readonly argv: readonly string[];
  readonly isPid1: boolean;
  readonly report: (report: CommandReport) => void;
  /** Hands the tree to the guard as soon as there is one, and `undefined` when it is empty. */
  readonly protect: (tree: Tree | undefined) => void;
  /** The environment the command inherits; the host's own unless told. */
  readonly env?: NodeJS.ProcessEnv;
}

export interface Command {
  /** @throws InvariantError when the previous tree is not verified empty, or the mark is missing. */
  start(addEnv: Readonly<Record<string, string>>): void;
  signal(name: string): void;
  kill(): void;
  become(): void;
  /** The variables of the command that runs, its term's mark among them; undefined when none does. */
  environment(): NodeJS.ProcessEnv | undefined;
}

/** The variable that marks everything one term starts; its value is new in every term. */
const markName = "K8S_AWAIT_ELECTION_TERM";

const firstRemainingMs = 1000;
const nextRemainingMs = 5000;

interface Running {
  readonly tree: Tree;
  readonly scan: Scan;
  readonly environment: NodeJS.ProcessEnv;
  readonly exit: Promise<void>;
  hasExited: boolean;
}

/** The command of this host: none is running at first. */
export function createCommand(options: CommandOptions): Command {
  const { argv, isPid1, report, protect, env = process.env } = options;
  const argv0 = argv[0] ?? "";
  let running: Running | undefined;
  /** Orders to kill that wait for the tree to be empty; each gets its own `emptied`. */
  let waitingKills = 0;

  function start(addEnv: Readonly<Record<string, string>>): void {
    if (running !== undefined) throw new InvariantError("Cannot start: the tree is not empty");
    const mark = markOf(addEnv);
    const found = findProcProblem() ?? lookUp(argv0, env);
    if ("errno" in found) return report({ type: "startFailed", ...found });
    const failed = (error: unknown) =>
      report({ type: "startFailed", ...problemOf(argv0, errnoOf(error), missingPart(error)) });
    const environment = { ...env, ...addEnv };
    let child: ChildProcess;
    try {
      child = spawnDetached(found.file, argv, environment);
    } catch (error) {
      return failed(error);
    }
    if (child.pid === undefined) child.once("error", failed);
    else follow(child, treeOf(child.pid, mark, isPid1), environment);
  }

  function follow(child: ChildProcess, tree: Tree, environment: NodeJS.ProcessEnv): void {
    protect(tree);
    const exit = new Promise<void>((resolve) => {
      child.once("exit", (code, signal) => {
        current.hasExited = true;
        report(signal === null ? { type: "exited", code: code ?? 1 } : { type: "exited", signal });
        resolve();
      });
    });
    const scan = createScan(tree);
    const current: Running = { tree, scan, environment, exit, hasExited: false };
    running = current;
    report({ type: "started", pid: tree.root });
  }

  function kill(): void {
    if (running === undefined) return report({ type: "emptied" });
    waitingKills += 1;
    if (waitingKills === 1) void killAll(running);
  }

  async function killAll({ tree, scan, exit }: Running): Promise<void> {
    await untilEmpty(tree, scan, report);
    await exit;
    running = undefined;
    protect(undefined);
    const kills = waitingKills;
    waitingKills = 0;
    for (let i = 0; i < kills; i += 1) report({ type: "emptied" });
  }

  return {
    start,
    signal(name) {
      if (running !== undefined) signalGroup(running, name);
    },
    kill,
    environment: () => (running?.hasExited === false ? running.environment : undefined),
    become() {
      becomeCommand(argv, env, (problem) => report({ type: "becomeFailed", ...problem }));
    },
  };
}

function spawnDetached(
  file: string,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): ChildProcess {
  return spawn(file, argv.slice(1), {
    argv0: argv[0],
    env,
    detached: true,
    shell: false,
    stdio: "inherit",
  });
}

/**
 * Sends at once, and looks after that who belongs, before the command's end cuts the links from parent
 * to child; a daemon that was faster still carries the mark. Once the command is reaped, its group's
 * number is its own only as long as a member of the group lives, so that has to be looked at first.
 */
function signalGroup({ tree, scan, hasExited }: Running, name: string): void {
  if (hasExited) {
    if (scan().alive.some((it) => it.group === tree.root)) sendToGroup(tree.root, name);
    return;
  }
  sendToGroup(tree.root, name);
  scan();
}

function sendToGroup(group: number, name: string): void {
  try {
    process.kill(-group, name);
  } catch (error) {
    // All of the group has ended, or runs as another user.
    if (errnoOf(error) !== "ESRCH" && errnoOf(error) !== "EPERM") throw error;
  }
}

/** Kills round by round, and reports what resists. */
async function untilEmpty(
  tree: Tree,
  scan: Scan,
  report: (report: CommandReport) => void,
): Promise<void> {
  const kill = createKill(tree, scan);
  const startedMs = performance.now();
  let remainingAtMs = firstRemainingMs;
  for (let round = kill(); !round.isEmpty; round = kill()) {
    const elapsedMs = performance.now() - startedMs;
    // A tree that is only not verified empty yet has nothing to show.
    if (elapsedMs >= remainingAtMs && round.alive.length > 0) {
      report({ type: "remaining", pids: round.alive, stuck: round.alive.filter(isStuck) });
      remainingAtMs = elapsedMs + nextRemainingMs;
    }
    await pause(pauseAfterMs(round, elapsedMs));
  }
}

function markOf(addEnv: Readonly<Record<string, string>>): string {
  const value = addEnv[markName];
  if (value === undefined) throw new InvariantError(`Cannot start: no ${markName} was given`);
  return `${markName}=${value}`;
}

/** The file was found before: what is missing now is what the kernel needs to execute it. */
function missingPart(error: unknown): string | undefined {
  return errnoOf(error) === "ENOENT" ? "its interpreter is not found" : undefined;
}
