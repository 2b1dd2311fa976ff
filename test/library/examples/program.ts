/** A program of `examples/`, run as its README says. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { until } from "../../cluster/until.ts";
import { endProcess } from "../../support/processes.ts";
import { bundle, root } from "../pack.ts";

export interface Program {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<number | null>;
  untilSaid(text: RegExp): Promise<RegExpExecArray>;
}

/** They import the package by its name. */
bundle();

export function startExample(t: TestContext, file: string, env: NodeJS.ProcessEnv): Program {
  const child = spawn(process.execPath, [join(root, "examples", file)], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => endProcess(child.exitCode === null ? child.pid : undefined));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  }
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return {
    child,
    said: () => said,
    ended,
    untilSaid: (text) =>
      until(`${text} of ${file}, which said ${said}`, () => text.exec(said) ?? undefined),
  };
}
