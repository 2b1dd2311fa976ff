/**
 * Rows O9 to O11: the write of a claim or a renewal meets another Lease than the one it is based on,
 * an older state of the whole server, or a policy that refuses it.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  bootMs,
  deploy,
  type Deployment,
  lockName,
  quick,
  untilFollows,
} from "../cluster/replicas.ts";
import { until } from "../cluster/until.ts";
import { assertExclusive, starts } from "../hosts/oracle.ts";
import { calm, rules } from "./lease-edits.ts";
import { type EmbeddedPlane, startEmbeddedPlane } from "./lease-plane.ts";
import { assertWeathers, leasesOf, patient, refusals } from "./lease-refusals.ts";

const oracle = { grandchild: true };

describe("writes that are refused", { concurrency: 4 }, () => {
  let plane: EmbeddedPlane;
  before(async () => {
    plane = await startEmbeddedPlane();
  });
  after(() => plane?.close());

  it("O9 deleted between a candidate's look and its claim: 409, and no creation by PUT", async (t) => {
    const deployment = await deploy(t, plane, { rules, oracle, durations: calm });
    await createLease(deployment, {});
    const asked = overhear(
      plane,
      deployment,
      once("PUT", () => remove(plane, deployment)),
    );
    await deployment.start();
    await deployment.untilStarts(1);
    assert.deepEqual(asked.slice(0, 4), ["GET 200", "PUT 409", "GET 404", "POST 201"]);
    assertExclusive(deployment.journal);
  });

  it("O9 replaced by another's between a candidate's look and its claim: it stays as it is", async (t) => {
    const deployment = await deploy(t, plane, { rules, oracle, durations: patient });
    const { operator } = deployment;
    await createLease(deployment, {});
    const another = { holderIdentity: "another", leaseDurationSeconds: 60 };
    const asked = overhear(
      plane,
      deployment,
      once("PUT", () => {
        remove(plane, deployment);
        const path = leasesOf(deployment);
        const body = JSON.stringify({ metadata: { name: lockName }, spec: another });
        plane.store.handle({ method: "POST", path, token: plane.access.token, body }, Date.now());
      }),
    );
    const replica = await deployment.start();
    await untilFollows(replica, "another");
    assert.deepEqual(asked, ["GET 200", "PUT 409", "GET 200"]);
    assert.deepEqual((await operator.lease()).spec, another);
    assert.deepEqual(starts(deployment.journal), []);
  });

  it("O9 deleted just before a renewal: 409, the term is lost, and the next is by POST", async (t) => {
    const deployment = await deploy(t, plane, {
      rules,
      durations: patient,
      oracle: { ...oracle, deaf: true },
    });
    const leader = await deployment.startLed(2);
    const asked = overhear(
      plane,
      deployment,
      once("PUT", () => remove(plane, deployment)),
    );
    assert.equal((await deployment.untilStarts(2)).identity, leader.identity);
    assert.deepEqual(
      [asked[0], asked.find((it) => it.startsWith("POST"))],
      ["PUT 409", "POST 201"],
    );
    await leader.bin.log.first(/lost the lease reason="it was deleted"/);
    assertExclusive(deployment.journal);
  });

  it("O10 an older state of etcd: the leader stops, all alarm, and no token is smaller", async (t) => {
    const restored = await startEmbeddedPlane();
    t.after(() => restored.close());
    const deployment = await deploy(t, restored, { rules, oracle });
    const first = await deployment.startLed(3);
    const backup = restored.store.snapshot();
    first.bin.signal("SIGTERM");
    const leader = await deployment.untilStarts(2);
    const follower = deployment.replicas.find((it) => it !== first && it !== leader)!;
    await untilFollows(follower, leader.identity);
    const asked = overhear(restored, deployment);
    const { version } = restored.store.snapshot();
    const restoredAt = bootMs();
    restored.store.restore(backup);
    await leader.bin.log.first(/lost the lease reason="the API server went back in time"/);
    await follower.bin.log.first(/ERROR the API server went back in time: was etcd restored\?/);
    await leader.bin.log.first(/a candidate again/);
    const patienceMs = quick.leaseMs + quick.retryMs;
    await until("what the record grants is over", () =>
      bootMs() > restoredAt + patienceMs ? true : undefined,
    );
    const writes = asked.filter((it) => !it.startsWith("GET"));
    assert.ok(!writes.some((it) => !it.endsWith(" 409")), `nothing is claimed: ${writes.join()}`);
    assert.equal(starts(deployment.journal).length, 2);
    while (restored.store.snapshot().version <= version) await annotate(deployment);
    await deployment.untilStarts(3);
    assertExclusive(deployment.journal);
    assert.ok(!leader.bin.hasEnded() && !follower.bin.hasEnded());
  });

  for (const [status, message] of refusals) {
    it(`O11 refused with ${status}: said once, tried again, and no term ends by it`, async (t) => {
      const deployment = await deploy(t, plane, { rules, oracle, durations: patient });
      let isRefused = true;
      plane.meddle(deployment.namespace, ({ method }, response) => {
        if (!isRefused || method === "GET") return false;
        const body = { kind: "Status", apiVersion: "v1", status: "Failure", message, code: status };
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(body));
        return true;
      });
      await assertWeathers(await deployment.start(), deployment, message, (refused) => {
        isRefused = refused;
      });
    });
  }
});

/** What the pods ask and are told, but for watches; the world may change before an answer. */
function overhear(
  plane: EmbeddedPlane,
  { namespace }: Deployment,
  change: (method: string) => void = () => {},
): string[] {
  const asked: string[] = [];
  plane.meddle(namespace, (request, response) => {
    if (request.path.includes("watch=")) return false;
    change(request.method);
    const exchange = `${request.method} ${plane.answer(request, response)}`;
    // On a busy machine an answer may come too late, and the question again.
    if (asked.at(-1) !== exchange) asked.push(exchange);
    return true;
  });
  return asked;
}

function once(method: string, change: () => void): (method: string) => void {
  let isDone = false;
  return (asked) => {
    if (asked !== method || isDone) return;
    isDone = true;
    change();
  };
}

async function createLease(deployment: Deployment, spec: object): Promise<void> {
  const metadata = { name: lockName };
  await deployment.operator.call("POST", leasesOf(deployment), { metadata, spec });
}

function remove({ store, access }: EmbeddedPlane, deployment: Deployment): void {
  const path = `${leasesOf(deployment)}/${lockName}`;
  store.handle({ method: "DELETE", path, token: access.token }, Date.now());
}

/** A new version of the same record (I4), unless a candidate's claim comes between. */
async function annotate(deployment: Deployment): Promise<void> {
  const { metadata, ...lease } = await deployment.operator.lease();
  const annotations = {
    ...metadata?.annotations,
    "example.com/version": metadata?.resourceVersion,
  };
  const body = { ...lease, metadata: { ...metadata, annotations } };
  const path = `${leasesOf(deployment)}/${lockName}`;
  await deployment.operator.call("PUT", path, body).catch((error: unknown) => {
    if (!(error instanceof Error && error.message.includes(": 409 "))) throw error;
  });
}
