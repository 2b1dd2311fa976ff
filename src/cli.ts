#!/usr/bin/env node
/** `k8s-await-election [--help | --version] [--] COMMAND [ARGUMENT…]` */
import { settingsRefused } from "./core/exit.ts";
import { runHost } from "./node/host.ts";
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
      return runHost({ argv: rest, environment: process.env });
    default:
      if (first?.startsWith("--")) {
        process.stderr.write(`k8s-await-election: there is no option ${JSON.stringify(first)}\n`);
        process.exitCode = settingsRefused;
        return;
      }
      return runHost({
        argv: first === undefined ? [] : [first, ...rest],
        environment: process.env,
      });
  }
}

await main(process.argv.slice(2));
