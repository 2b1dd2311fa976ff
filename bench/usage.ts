/** What a process takes of the machine, as the kernel counts it. */
import { readdirSync, readFileSync, statSync } from "node:fs";

export interface Memory {
  readonly rssBytes: number;
  /** Pages that it shares count in parts. */
  readonly pssBytes: number;
  /** Its own: neither a file's nor shared memory. */
  readonly anonymousBytes: number;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const bytes = (field: string): number => {
    const [, kilobytes] = new RegExp(`^${field}: +(\\d+) kB`, "m").exec(text) ?? [];
    if (kilobytes === undefined) throw new Error(`Cannot find ${field} of process ${pid}.`);
    return 1024 * Number(kilobytes);
  };
  return { rssBytes: bytes("Rss"), pssBytes: bytes("Pss"), anonymousBytes: bytes("Anonymous") };
}

/** Time on a processor, of its living threads: to the nanosecond, where `stat` counts 10 ms. */
export function processorMs(pid: number): number {
  const spent = threadsOf(pid).map((thread) => {
    const [ns = "0"] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ");
    return Number(ns) / 1e6;
  });
  return spent.reduce((sum, ms) => sum + ms, 0);
}

export function threadsOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/task`);
}

export function fileBytes(path: string): number {
  return statSync(path).size;
}
