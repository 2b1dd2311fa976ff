/** What `/metrics` of a leader and of its standby says, as Prometheus reads it. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { freePort } from "../cluster/server-processes.ts";
import { type Cluster, openCluster } from "../hosts/cluster.ts";
import { buildJudge } from "../support/go-program.ts";
import { type Family, judge } from "./judged.ts";

const built = await buildJudge();
const skip = built.path === undefined && built.reason;

const types: Readonly<Record<string, Family["type"]>> = {
  leader_election_master_status: "gauge",
  leader_election_slowpath_total: "counter",
  await_election_time_left_seconds: "gauge",
  await_election_command_running: "gauge",
  await_election_info: "gauge",
  await_election_terms_total: "counter",
  await_election_losses_total: "counter",
  await_election_api_errors_total: "counter",
  await_election_handover_seconds: "histogram",
  await_election_takeover_seconds: "histogram",
  await_election_renew_seconds: "histogram",
  await_election_kill_seconds: "histogram",
  await_election_guard_lateness_seconds: "histogram",
};

describe("metrics", { skip, timeout: 60_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  it("Prometheus reads what a leader and its standby serve, and its linter has nothing to say", async (t) => {
    const lease = "metrics";
    const quoted = 'a "quoted" name\\with a backslash';
    const read = async (identity: string, variables: Record<string, string> = {}) => {
      const port = await freePort();
      const env = { K8S_AWAIT_ELECTION_STATUS_ENDPOINT: `127.0.0.1:${port}`, ...variables };
      const argv = ["sh", "-c", "echo runs; exec sleep 60"];
      const bin = await cluster.start(t, { lease, identity, argv, env });
      const families = async (): Promise<Readonly<Record<string, Family>>> => {
        const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
        assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
        const verdict = await judge(built.path!, await answer.text());
        assert.deepEqual(verdict.complaints, []);
        const found = Object.entries(verdict.families).map(([name, { type }]) => [name, type]);
        assert.deepEqual(Object.fromEntries(found), types);
        return verdict.families;
      };
      return { bin, families };
    };
    const leader = await read("one", { K8S_AWAIT_ELECTION_IDENTITY: quoted });
    await leader.bin.output.first(/^runs/);
    const standby = await read("standby");
    await standby.bin.log.first(/the leader is/);
    await cluster.renewals(lease, 2);

    const led = await leader.families();
    assert.deepEqual(led["leader_election_master_status"]?.labels, [{ name: lease }]);
    assert.deepEqual(led["leader_election_slowpath_total"]?.labels, [{ name: lease }]);
    assert.equal(led["await_election_info"]?.labels[0]?.["identity"], quoted);
    const { values: [renewals = 0] = [], buckets } = led["await_election_renew_seconds"] ?? {};
    assert.ok(renewals >= 2, `${renewals} renewals`);
    assert.deepEqual(buckets, [11]);
    const stood = await standby.families();
    const present = (families: typeof led) =>
      ["leader_election_master_status", "await_election_terms_total"].map(
        (name) => families[name]?.values,
      );
    assert.deepEqual(
      [present(led), present(stood)],
      [
        [[1], [1]],
        [[0], [0]],
      ],
    );
    assert.deepEqual(stood["await_election_losses_total"]?.values.filter(Boolean), []);

    cluster.removeLease(lease);
    await leader.bin.log.first(/lost the lease/);
    const lost = (await leader.families())["await_election_losses_total"];
    const at = lost?.labels.findIndex(({ reason }) => reason === "deleted") ?? -1;
    assert.equal(lost?.values[at], 1);
  });
});
