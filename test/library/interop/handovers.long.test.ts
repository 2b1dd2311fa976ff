/** The library and client-go on one Lease: hand-overs both ways, and never two at a time (row X1, X2). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type ControlPlane, startControlPlane } from "../../cluster/control-plane.ts";
import { assertNeverTwo, isOfGo, quickFlags } from "../../cluster/go-peer.ts";
import { operatorOf } from "../../cluster/operator.ts";
import { until } from "../../cluster/until.ts";
import { oracleWords, starts } from "../../hosts/oracle.ts";
import { buildElector } from "../../support/go-program.ts";
import { startElector } from "../../interop/elector.ts";
import { temporaryFolder } from "../../support/processes.ts";
import { kubeconfigOf, startMember } from "../member.ts";

const built = await buildElector();
const skip = built.path === undefined && built.reason;

/** Each hands over to client-go and back. */
const rounds = 25;
const durations = { leaseSeconds: 5, renewDeadlineSeconds: 3, retrySeconds: 1 };

let plane: ControlPlane;
before(async () => {
  if (!skip) plane = await startControlPlane();
});
after(() => plane?.close());

test(`X1 X2 ${2 * rounds} hand-overs between the library and client-go`, { skip }, async (t) => {
  const namespace = await plane.namespace("library");
  const journal = join(temporaryFolder(t), "journal");
  const lease = { namespace, name: "lock" };
  const operator = operatorOf(plane.access, namespace, "lock");
  const kubeconfig = kubeconfigOf(plane.access);
  const ours = startMember(t, { kubeconfig, lease, identity: "ours", durations, journal });
  await ours.event("start");
  const transitions: unknown[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const go = await startElector(built.path!, {
      access: plane.access,
      namespace,
      lock: "lock",
      identity: `go-${round}`,
      flags: quickFlags,
      command: ["sh", "-c", 'exec "$@" >/dev/null', "sh", ...oracleWords({ journal })],
    });
    try {
      assert.equal((await go.untilEvent("observed-leader")).leader, "ours");
      ours.order({ type: "resign" });
      await go.untilEvent("leading");
      await untilStarts(journal, 2 * round);
      transitions.push((await operator.lease()).spec?.["leaseTransitions"]);
      go.signal("SIGTERM");
      await ours.event("start", round + 1);
      transitions.push((await operator.lease()).spec?.["leaseTransitions"]);
      assertNeverTwo(journal);
    } finally {
      await go.close();
    }
  }
  ours.order({ type: "stop" });
  assert.deepEqual(await ours.ended, { code: 0, signal: null });
  const all = starts(journal);
  assert.equal(all.length, 1 + 2 * rounds);
  assert.equal(all.filter(isOfGo).length, rounds);
  assertNeverTwo(journal);
  assert.deepEqual(
    transitions,
    transitions.map((_, at) => at + 1),
    "each change of the holder counts one",
  );
  assert.equal((await operator.holder()) ?? "", "");
});

async function untilStarts(journal: string, count: number): Promise<void> {
  await until(`command ${count}`, () => (starts(journal).length >= count ? true : undefined));
}
