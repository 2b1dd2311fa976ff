/**
 * What the library promises, measured on a real kube-apiserver: hand-overs beside a bare write and
 * watch, what a follower asks, and what 200 electors of one process cost.
 */
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Report } from "../../../src/core/protocol.ts";
import { type Api, createApi } from "../../../src/node/api/api.ts";
import { type Audit, openAudit } from "../../cluster/audit.ts";
import { type ControlPlane, startControlPlane } from "../../cluster/control-plane.ts";
import { type Figure, figureOf, keepFigures, tableOf } from "../../cluster/figures.ts";
import { operatorOf } from "../../cluster/operator.ts";
import { until } from "../../cluster/until.ts";
import { crowdDurations, startCrowd } from "../crowd.ts";
import { kubeconfigOf, type Member, startMember } from "../member.ts";

const handOvers = 50;
const bareRounds = 50;
const idleMs = 125_000;
const electors = 200;
/** The pause after a resignation is 2.5 P: the shorter, the sooner the next hand-over can be. */
const durations = { leaseSeconds: 8, renewDeadlineSeconds: 5, retrySeconds: 1 };

const figures: Record<string, Figure> = {};

describe("the library's figures", () => {
  let plane: ControlPlane;
  let audit: Audit;
  before(async () => {
    audit = await openAudit();
    plane = await startControlPlane({ apiServerFlags: audit.flags });
  });
  after(async () => {
    await plane?.close();
    await audit?.remove();
    process.stdout.write(`milliseconds, or as it says\n${tableOf(figures)}\n`);
    await keepFigures("library", figures);
  });

  it(`L2 ${handOvers} hand-overs after resign(), beside a bare PUT and watch`, async (t) => {
    const namespace = await plane.namespace("handover");
    const bare = await openBare(t, plane, namespace);
    const options = { kubeconfig: kubeconfigOf(plane.access), durations };
    const lease = { namespace, name: "demo" };
    const operator = operatorOf(plane.access, namespace, "demo");
    const [a, b] = ["a", "b"].map((identity) => startMember(t, { ...options, lease, identity }));
    const members = [a!, b!];
    let leader = await Promise.race(
      members.map((member) => member.event("start").then(() => member)),
    );
    const takenMs: number[] = [];
    const bareMs: number[] = [];
    for (let round = 0; round < handOvers; round += 1) {
      const next = members.find((member) => member !== leader)!;
      await untilReady(operator, 3);
      bareMs.push(await bare());
      const [ends, starts] = [leader.count("abort"), next.count("start")];
      leader.order({ type: "resign" });
      const from = await leader.event("abort", ends + 1);
      const to = await next.event("start", starts + 1);
      takenMs.push(to.atMs - from.atMs);
      leader = next;
    }
    while (bareMs.length < bareRounds) bareMs.push(await bare());
    figures["resign() to the next function, in 0.01 ms"] = figureOf(hundredfold(takenMs));
    figures["bare PUT to the watch event of another, in 0.01 ms"] = figureOf(hundredfold(bareMs));
    const above = median(takenMs) - median(bareMs);
    t.diagnostic(`p50 ${median(takenMs).toFixed(1)} ms, ${above.toFixed(1)} ms above the bare one`);
    await Promise.all(members.map((member) => stop(member)));
    // 30 ms are aimed at; how many it takes depends on what else the machine does.
    assert.ok(above <= 300, `${above} ms above`);
  });

  it("L9 an idle follower makes no periodic request besides its watch", async (t) => {
    const namespace = await plane.namespace("idle");
    const kubeconfig = kubeconfigOf(plane.access);
    const lease = { namespace, name: "demo" };
    const leader = startMember(t, { kubeconfig, lease, identity: "leader" });
    await leader.event("start");
    const follower = startMember(t, { kubeconfig, lease, identity: "follower" });
    await follower.untilLog(/the leader is "?leader/);
    const fromMs = Date.now();
    await pause(idleMs);
    const asked = (await audit.requests(namespace)).filter(({ atMs }) => atMs >= fromMs);
    const perMinute = (verb: string) =>
      (asked.filter((request) => request.verb === verb).length * 60_000) / idleMs;
    figures["idle: GETs a minute, leader and follower, in 0.01"] = figureOf([
      100 * perMinute("get"),
    ]);
    figures["idle: PUTs a minute, of the leader, in 0.01"] = figureOf([100 * perMinute("update")]);
    assert.ok(perMinute("get") <= 2, `${perMinute("get")} GETs a minute`);
    assert.ok(perMinute("watch") <= 2, `${perMinute("watch")} watches a minute`);
    assert.ok(Math.abs(perMinute("update") - 30) <= 2, `${perMinute("update")} PUTs a minute`);
    await Promise.all([leader, follower].map((member) => stop(member)));
  });

  it(`${electors} electors of one process lead, and ${electors} of another follow`, async (t) => {
    const namespace = await plane.namespace("crowd");
    const { port } = plane;
    const options = { kubeconfig: kubeconfigOf(plane.access), namespace, count: electors, port };
    const leaders = startCrowd(t, options);
    await leaders.until("all lead", ({ leading }) => leading === electors);
    const followers = startCrowd(t, options);
    await followers.until("all follow", ({ following }) => following >= electors);
    const fromMs = Date.now();
    await pause(60_000);
    const asked = (await audit.requests(namespace)).filter(({ atMs }) => atMs >= fromMs);
    const each = (verb: string) =>
      asked.filter((request) => request.verb === verb).length / electors;
    const led = leaders.last()!;
    const followed = followers.last()!;
    figures[`${electors} leading: connections`] = figureOf([led.connections]);
    figures[`${electors} following: connections`] = figureOf([followed.connections]);
    figures[`${electors} leading: KiB each`] = figureOf([(led.addedMiB * 1024) / electors]);
    figures[`${electors} following: KiB each`] = figureOf([(followed.addedMiB * 1024) / electors]);
    figures["PUTs a minute of each leader, in 0.01"] = figureOf([100 * each("update")]);
    figures["GETs a minute of each pair, in 0.01"] = figureOf([100 * each("get")]);
    assert.ok(led.connections <= 8, `${led.connections} connections`);
    assert.ok(followed.connections <= 8, `${followed.connections} connections`);
    const renewals = 60 / crowdDurations.retrySeconds;
    assert.ok(Math.abs(each("update") - renewals) <= 1, `${each("update")} PUTs a minute`);
    assert.equal(led.leading, electors, "none was lost meanwhile");
    await leaders.stop();
    await followers.until("the others lead", ({ leading }) => leading === electors);
    await followers.stop();
  });
});

/** So many renewals: whoever resigned has paused for long enough by then. */
async function untilReady(operator: ReturnType<typeof operatorOf>, count: number): Promise<void> {
  for (let round = 0; round < count; round += 1) {
    const known = await renewTime(operator);
    await until("a renewal", async () =>
      (await renewTime(operator)) === known ? undefined : true,
    );
  }
}

async function renewTime(operator: ReturnType<typeof operatorOf>): Promise<unknown> {
  return (await operator.lease()).spec?.["renewTime"];
}

/** Writes a Lease of its own on an open connection, until a watch on another has told. */
async function openBare(
  t: TestContext,
  { access, host, port }: ControlPlane,
  namespace: string,
): Promise<() => Promise<number>> {
  const reports: Report[] = [];
  const waiting = new Set<() => void>();
  const tls = { serverName: host, ca: access.caPem };
  const headers = { Authorization: `Bearer ${access.token}` };
  const server = { host, port, basePath: "", tls, headers };
  const api: Api = createApi({
    access: { server: () => Promise.resolve(server), refused() {} },
    report(it) {
      reports.push(it);
      for (const wake of waiting) wake();
      waiting.clear();
    },
  });
  t.after(() => api.close());
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const found = async (isIt: (report: Report) => boolean): Promise<void> => {
    while (!reports.some(isIt)) await new Promise<void>((resolve) => waiting.add(resolve));
  };
  const request = { type: "request", timeoutMs: 5000 } as const;
  api.request({ ...request, id: "create", method: "POST", path: leases, body: bareBody(0) });
  await found((it) => "id" in it && it.id === "create");
  const query = "watch=true&fieldSelector=metadata.name%3Dbare";
  api.watch({ type: "watch", id: "watch", path: `${leases}?${query}`, timeoutMs: 5000 });
  await found(({ type }) => type === "line");
  let count = 0;
  let version = versionIn(reports);
  return async () => {
    count += 1;
    reports.length = 0;
    const object = JSON.parse(bareBody(count)) as { metadata: object };
    const metadata = { ...object.metadata, resourceVersion: version };
    const from = performance.now();
    const text = JSON.stringify({ ...object, metadata });
    api.request({ ...request, id: `${count}`, method: "PUT", path: `${leases}/bare`, body: text });
    await found(({ type }) => type === "line");
    const tookMs = performance.now() - from;
    await found(({ type }) => type === "answered");
    version = versionIn(reports);
    return tookMs;
  };
}

function bareBody(count: number): string {
  return JSON.stringify({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "bare", annotations: { count: String(count) } },
    spec: {},
  });
}

function versionIn(reports: readonly Report[]): string {
  const line = reports.find((it) => it.type === "line");
  const event = JSON.parse(line?.text ?? "{}") as {
    object: { metadata: { resourceVersion: string } };
  };
  return event.object.metadata.resourceVersion;
}

async function stop(member: Member): Promise<void> {
  member.order({ type: "stop" });
  await member.ended;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function hundredfold(values: readonly number[]): number[] {
  return values.map((value) => 100 * value);
}
