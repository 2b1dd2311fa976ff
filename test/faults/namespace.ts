/**
 * A network namespace of its own for one replica, and a link to it on which the kernel loses packets.
 *
 * Lost are frames that carry a wrong hardware address, as the receiving side drops them without a
 * word: it takes no firewall, and TCP sends again what was lost. The namespace ends with the process
 * that holds it open, also where this process is killed.
 */
import { spawn, spawnSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import type { TestContext } from "node:test";
import { endProcess, until } from "../support/processes.ts";

export interface Namespace {
  /** The address of our side of the link. */
  readonly host: string;
  /** Words before the entry point. */
  readonly before: readonly string[];
  /** Loses what it sends. */
  loseRequests(): void;
  /** Loses what is sent to it. */
  loseAnswers(): void;
  heal(): void;
}

const nobody = "02:00:00:00:00:01";

/** `number` (1 to 250) tells the link from others that are there at the same time. */
export async function openNamespace(t: TestContext, number: number): Promise<Namespace> {
  const holder = spawn("setpriv", ["--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"]);
  t.after(() => endProcess(holder.pid));
  const own = readlinkSync("/proc/self/ns/net");
  const pid = holder.pid ?? 0;
  await until(() => networkOf(pid) !== own, "the namespace is made");
  const before = ["nsenter", `--net=/proc/${pid}/ns/net`];
  const [host, guest] = [1, 2].map((last) => `10.${number}.53.${last}`) as [string, string];
  const [outside, inside] = [`aelect${number}a`, `aelect${number}b`];
  const [hostHardware, guestHardware] = ["0a", "0b"].map((last) => `02:00:00:00:53:${last}`) as [
    string,
    string,
  ];
  ip(`link add ${outside} address ${hostHardware} type veth peer name ${inside}`);
  ip(`link set ${inside} address ${guestHardware} netns ${pid}`);
  // Connections that still send something again would keep it for minutes; else it is gone by now.
  t.after(() => void spawnSync("ip", ["link", "delete", outside]));
  ip(`addr add ${host}/30 dev ${outside}`);
  ip(`link set ${outside} up`);
  ip(`addr add ${guest}/30 dev ${inside}`, before);
  ip(`link set ${inside} up`, before);
  const reach = {
    requests: (hardware: string) =>
      ip(`neigh replace ${host} lladdr ${hardware} dev ${inside} nud permanent`, before),
    answers: (hardware: string) =>
      ip(`neigh replace ${guest} lladdr ${hardware} dev ${outside} nud permanent`),
  };
  reach.requests(hostHardware);
  reach.answers(guestHardware);
  return {
    host,
    before,
    loseRequests: () => reach.requests(nobody),
    loseAnswers: () => reach.answers(nobody),
    heal() {
      reach.requests(hostHardware);
      reach.answers(guestHardware);
    },
  };
}

/** Options of a test that needs a network namespace: skipped, saying why, but never in CI. */
export function needsNetworkNamespace(): { skip: string | false } {
  const probe = spawnSync("unshare", ["--net", "ip", "link"], { encoding: "utf8" });
  if (probe.status === 0 || process.env["CI"] === "true") return { skip: false };
  return { skip: `unshare or ip: ${probe.error?.message ?? probe.stderr.trim()}` };
}

function ip(words: string, before: readonly string[] = []): void {
  const [file = "", ...rest] = [...before, "ip", ...words.split(" ")];
  const made = spawnSync(file, rest, { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`Cannot do "ip ${words}": ${made.stderr}`);
}

function networkOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return "";
  }
}
