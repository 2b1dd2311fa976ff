/**
 * The processes of a pod, found by a variable that each of them inherits: the demo's stand-in for
 * the PID namespace of a container.
 */
import { listPids, readEnvironment, readProcess } from "../src/node/command/processes.ts";

/** Its value is `<run>/<replica>`. */
export const podVariable = "AWAIT_ELECTION_DEMO_POD";

/** All living processes of a pod; of all pods of a run where only `<run>/` is given. */
export function processesOf(pod: string): number[] {
  const mark = `${podVariable}=${pod}`;
  return listPids().filter((pid) => isRunning(pid) && isMarked(pid, mark));
}

export function isRunning(pid: number): boolean {
  return readProcess(pid)?.isAlive === true;
}

/** Sends a signal to each of these processes that is still there. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended already.
    }
  }
}

function isMarked(pid: number, mark: string): boolean {
  const variables = readEnvironment(pid)?.toString("latin1").split("\0") ?? [];
  const isWhole = !mark.endsWith("/");
  return variables.some((it) => (isWhole ? it === mark : it.startsWith(mark)));
}
