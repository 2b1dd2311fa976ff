/** Row O11 on any API server: writes that are refused although nothing is wrong with them. */
import assert from "node:assert/strict";
import type { Deployment, Replica } from "../cluster/replicas.ts";
import { until } from "../cluster/until.ts";
import { assertExclusive, starts } from "../hosts/oracle.ts";

/** A busy machine has time to try a refused write again before the term has to end. */
export const patient: Readonly<Record<string, string>> = {
  K8S_AWAIT_ELECTION_LEASE_DURATION: "15",
  K8S_AWAIT_ELECTION_RENEW_DEADLINE: "10",
  K8S_AWAIT_ELECTION_RETRY_PERIOD: "1",
};

/** What refuses a write that nothing is wrong with, in the words of kube-apiserver. */
export const refusals: readonly (readonly [status: number, message: string])[] = [
  [400, 'admission webhook "guard.example.com" denied the request: not before the audit'],
  [403, 'leases.coordination.k8s.io "lock" is forbidden: exceeded quota: counts, limited: 1'],
  [
    422,
    "leases.coordination.k8s.io \"lock\" is forbidden: ValidatingAdmissionPolicy 'p' with binding " +
      "'b' denied request: not before the audit",
  ],
  [500, 'Internal error occurred: failed calling webhook "guard.example.com": EOF'],
];

/** A candidate and a leader whose writes are refused for a while: a warning, and nothing else. */
export async function assertWeathers(
  { bin }: Replica,
  deployment: Deployment,
  message: string,
  refuse: (isRefused: boolean) => void,
): Promise<void> {
  const told = (level: string, what: string): string[] =>
    bin.log.all.filter((line) => line.includes(`${level}  ${what} write the lease`));
  const refused = (times: number): Promise<true> =>
    until("a refusal is told", () => (told("WARN", "cannot").length >= times ? true : undefined));
  await refused(1);
  assert.deepEqual(starts(deployment.journal), []);
  refuse(false);
  await deployment.untilStarts(1);
  refuse(true);
  await refused(2);
  refuse(false);
  await until("a renewal succeeds", () => (told("INFO", "can").length === 2 ? true : undefined));
  for (const line of told("WARN", "cannot")) assert.ok(line.includes(escaped(message)), line);
  assert.equal(told("WARN", "cannot").length, 2, "said once each time");
  assert.equal(starts(deployment.journal).length, 1, "the same command goes on");
  assert.equal(bin.hasEnded(), false);
  assertExclusive(deployment.journal);
}

/** As it stands in the quotes of a log line. */
function escaped(message: string): string {
  return message.replaceAll('"', '\\"');
}

export function leasesOf({ namespace }: Deployment): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
}
