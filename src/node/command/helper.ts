/**
 * A program that the host runs beside the command, such as the one that says whether it is ready.
 *
 * It has a session and process group of its own, so no signal for the command reaches it. But it runs
 * for the term: it carries the term's mark, and therefore is killed with the command's tree, by the
 * guard too, and the tree is empty only without it (contract §0.4).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { unlessAborted } from "../api/deadline.ts";
import { errnoOf, problemOf } from "./executable.ts";

export interface Helper {
  /**
   * Runs a program, and finds that it ended with code 0 or did not. There is one at a time: the next
   * one waits for its end. None runs without the variables of a command that runs.
   *
   * @throws the reason of the signal; everything in the program's group is killed then.
   */
  run(
    argv: readonly string[],
    environment: () => NodeJS.ProcessEnv | undefined,
    signal: AbortSignal,
  ): Promise<Finding>;
  /** Kills what is left of it. */
  kill(): void;
}

interface Finding {
  readonly ok: boolean;
  readonly detail: string;
}

interface Running {
  readonly pid: number;
  readonly ended: Promise<void>;
}

export function createHelper(): Helper {
  /** Not reaped yet: in uninterruptible sleep even SIGKILL waits. */
  let current: Running | undefined;

  function kill(): void {
    if (current !== undefined) killGroup(current.pid);
  }

  function start(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<Finding> {
    const [argv0 = "", ...words] = argv;
    return new Promise((resolve) => {
      const failed = (error: unknown) =>
        resolve({ ok: false, detail: problemOf(argv0, errnoOf(error)).message.slice(0, 300) });
      const options = { env: environment, detached: true, shell: false, stdio: "ignore" } as const;
      let child: ChildProcess;
      try {
        child = spawn(argv0, words, options);
      } catch (error) {
        return failed(error);
      }
      child.once("error", failed);
      if (child.pid !== undefined) follow(child, child.pid, resolve);
    });
  }

  function follow(child: ChildProcess, pid: number, found: (finding: Finding) => void): void {
    const ended = new Promise<void>((resolve) => {
      child.once("exit", (code, signal) => {
        // What it left in its group has nobody to wait for it. The number is not given again so soon.
        kill();
        current = undefined;
        resolve();
        const detail = signal === null ? `ended with code ${code}` : `ended by ${signal}`;
        found({ ok: code === 0, detail });
      });
    });
    current = { pid, ended };
  }

  return {
    async run(argv, environment, signal) {
      if (current !== undefined) await unlessAborted(current.ended, signal);
      const variables = environment();
      if (variables === undefined) return { ok: false, detail: "no command runs" };
      try {
        return await unlessAborted(start(argv, variables), signal);
      } catch (error) {
        kill();
        throw error;
      }
    },
    kill,
  };
}

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch (error) {
    // All of it has ended, or runs as another user.
    if (errnoOf(error) !== "ESRCH" && errnoOf(error) !== "EPERM") throw error;
  }
}
