/**
 * `sweeper RUN FOLDER`: waits until its standard input ends, because the demo closed it or is no
 * more, however that came; then it ends every process of the run and removes its folder.
 */
import { rm } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { processesOf, signalAll } from "./processes.ts";

const [, , run = "", folder = ""] = process.argv;

process.stdin.resume();
process.stdin.once("end", () => void sweep());

async function sweep(): Promise<void> {
  // Something may just have been started by what is ended here.
  for (let pids = processesOf(run); pids.length > 0; pids = processesOf(run)) {
    signalAll(pids, "SIGKILL");
    await pause(5);
  }
  await rm(folder, { recursive: true, force: true });
}
