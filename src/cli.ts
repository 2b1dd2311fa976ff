#!/usr/bin/env node
/** `k8s-await-election [--help | --version] [--] COMMAND [ARGUMENT…]` */
import { settingsRefused } from "./core/exit.ts";
import { version } from "./node/version.ts";

const usage = `k8s-await-election [--help | --version] [--] COMMAND [ARGUMENT…]

Runs COMMAND on exactly one replica, chosen by a Kubernetes Lease. Without
K8S_AWAIT_ELECTION_ENABLED it becomes COMMAND at once. Everything else is set by
K8S_AWAIT_ELECTION_* variables; see the README.
`;

/** Options are ours only before the command; everything from the command on is the command's. */
async function main([first, ...rest]: readonly string[]): Promise<void> {
  switch (first) {
    case "--help":
      process.stdout.write(usage);
      return;
    case "--version":
      process.stdout.write(`${version}\n`);
      return;
    case "--":
      return run(rest);
    default:
      if (first?.startsWith("--")) {
        process.stderr.write(`k8s-await-election: there is no option ${JSON.stringify(first)}\n`);
        process.exitCode = settingsRefused;
        return;
      }
      return run(first === undefined ? [] : [first, ...rest]);
  }
}

/**
 * Node opens all that a module imports at once, and there may be 32 descriptors (row F4): so the rules
 * come before the program, and the program before its host.
 */
async function run(argv: readonly string[]): Promise<void> {
  await import("./core/heed.ts");
  await import("./core/settle.ts");
  await import("./core/program.ts");
  const { runHost } = await import("./node/host.ts");
  return runHost({ argv, environment: process.env });
}

await main(process.argv.slice(2));
