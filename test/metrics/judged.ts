/** Metrics as Prometheus' own parser and linter read them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { buffer, text } from "node:stream/consumers";

export interface Family {
  readonly type: "counter" | "gauge" | "histogram" | "summary" | "untyped";
  readonly help: string;
  /** Of each series. */
  readonly labels: readonly Readonly<Record<string, string>>[];
  /** Of each series; of a histogram its count. */
  readonly values: readonly number[];
  readonly buckets: readonly number[];
}

export interface Verdict {
  readonly families: Readonly<Record<string, Family>>;
  readonly complaints: readonly string[];
}

/** @throws with the parser's words where it refuses the text. */
export async function judge(program: string, exposition: string): Promise<Verdict> {
  const child = spawn(program, { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(exposition);
  const [out, said] = await Promise.all([buffer(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, "exit");
  if (child.exitCode !== 0) throw new Error(`Prometheus cannot read the metrics: ${said}`);
  return JSON.parse(out.toString()) as Verdict;
}
