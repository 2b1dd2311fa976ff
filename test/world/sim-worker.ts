/** Runs seeds in a thread of its own, and hands over what they add up to every so often. */
import { parentPort, workerData } from "node:worker_threads";
import { profileNamed } from "./profiles.ts";
import { run } from "./run.ts";
import { nothing, take } from "./totals.ts";

export interface Work {
  readonly profile: string;
  /** Every `step`-th seed from `from` on, below `to`. */
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

const everyMs = 500;

const port = parentPort;

const { profile: name, from, to, step } = workerData as Work;
const profile = profileNamed(name);
let totals = nothing();
let toldAtMs = performance.now();
for (let seed = from; seed < to; seed += step) {
  take(totals, run({ seed, profile }));
  if (performance.now() - toldAtMs < everyMs) continue;
  port?.postMessage(totals);
  totals = nothing();
  toldAtMs = performance.now();
}
port?.postMessage(totals);
