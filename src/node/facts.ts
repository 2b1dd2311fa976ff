/** What the program is told at the start and never again. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Facts } from "../core/protocol.ts";
import type { Access } from "./api/server.ts";
import { findCommand } from "./command/executable.ts";
import { findProcProblem } from "./command/processes.ts";
import { version } from "./version.ts";

type Environment = Readonly<Record<string, string | undefined>>;

interface Options {
  /** The command and its arguments; empty when none was given. */
  readonly argv: readonly string[];
  readonly environment: Environment;
  /** Opened only for an election. */
  readonly access?: Access;
}

const prefix = "K8S_AWAIT_ELECTION_";

/** Takes the start lock on the way, where the pod and the Lease are known. */
export async function gatherFacts(options: Options): Promise<Facts> {
  const { argv, environment, access } = options;
  const isPid1 = process.pid === 1;
  const [file] = argv;
  // What is started has to be found again to be killed, and only /proc tells.
  const procProblem = access && findProcProblem();
  const commandProblem =
    procProblem ?? (file === undefined ? undefined : findCommand(file, environment));
  return {
    seed: randomBytes(4).readUInt32LE(),
    incarnation: randomBytes(16).toString("hex"),
    variables: ownVariables(environment),
    hasCommand: file !== undefined,
    ...(commandProblem === undefined ? {} : { commandProblem }),
    ...(access?.podUid === undefined ? {} : { podUid: access.podUid }),
    ...(access?.podName === undefined ? {} : { podName: access.podName }),
    hostName: hostname(),
    version,
    isPid1,
    abilities: {
      // Node can neither have the kernel signal the command on our death nor adopt orphans, so
      // only being PID 1 ties the tree to us, and zombies stay.
      treeDiesWithHost: isPid1,
      reapsOrphans: false,
      soleHolder: await isSoleHolder(environment, access),
    },
    ...(access?.problem === undefined ? {} : { apiProblem: access.problem }),
  };
}

function ownVariables(environment: Environment): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith(prefix) && value !== undefined) variables[name] = value;
  }
  return variables;
}

async function isSoleHolder(
  environment: Environment,
  access: Access | undefined,
): Promise<boolean> {
  const podUid = access?.podUid;
  const namespace = environment[`${prefix}LOCK_NAMESPACE`];
  const leaseName = environment[`${prefix}LOCK_NAME`];
  if (!podUid || !namespace || !leaseName || !hasHostNameOfPod(access)) return false;
  const { holdStartLock } = await import("./start-lock.ts");
  return holdStartLock({ podUid, namespace, leaseName });
}

/**
 * With `hostNetwork` the pod has the name of its node. The start lock asks the kernel about the
 * namespace, but a node that is a container itself, as in kind, has a namespace like a pod's. A pod
 * that chose a host name of its own counts as unsure: it waits for the Lease to expire.
 */
function hasHostNameOfPod({ podName }: Access): boolean {
  // The kubelet cuts a long pod name at 63 characters, and then dots and dashes at the end.
  return podName !== undefined && hostname() === podName.slice(0, 63).replace(/[-.]+$/u, "");
}
