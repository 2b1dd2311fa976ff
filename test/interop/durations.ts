/** Durations that differ from replica to replica: a record's own is the one that counts (X5). */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { assertNeverTwo, untilCommands } from "../cluster/go-peer.ts";
import { type Deployment, quick, renewedAtMs } from "../cluster/replicas.ts";

/** D/R/P in seconds, as the variables of one of our replicas. */
export function durations(text: string): Readonly<Record<string, string>> {
  const [lease = "", renew = "", retry = ""] = text.split("/");
  return {
    K8S_AWAIT_ELECTION_LEASE_DURATION: lease,
    K8S_AWAIT_ELECTION_RENEW_DEADLINE: renew,
    K8S_AWAIT_ELECTION_RETRY_PERIOD: retry,
  };
}

/** D/R/P in seconds, as the flags of client-go's elector. */
export function flagsOf(text: string): readonly string[] {
  const [lease = "", renew = "", retry = ""] = text.split("/");
  return [`-lease-duration=${lease}s`, `-renew-deadline=${renew}s`, `-retry-period=${retry}s`];
}

/** The leader has just crashed: the second term begins so long after its last renewal. */
export async function assertWaited(
  t: TestContext,
  deployment: Deployment,
  leastMs: number,
): Promise<void> {
  const renewedAt = renewedAtMs(await deployment.operator.lease());
  await untilCommands(deployment, 2, 2 * leastMs + 10_000);
  const { spec } = await deployment.operator.lease();
  const waitedMs = Date.parse(String(spec?.["acquireTime"])) - renewedAt;
  t.diagnostic(`last renewal to the next claim: ${waitedMs} ms`);
  assert.ok(waitedMs >= leastMs, `only ${waitedMs} ms`);
  assert.ok(waitedMs <= leastMs + quick.retryMs, `as much as ${waitedMs} ms`);
  assertNeverTwo(deployment.journal);
}
