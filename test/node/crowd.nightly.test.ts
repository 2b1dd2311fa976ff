/** Row N26: a hundred candidates on one Lease, on the embedded API server and on a real one. */
import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { serveApi } from "../../src/api-server/serve.ts";
import { ApiStore } from "../../src/api-server/store.ts";
import type { Access, Server } from "../../src/node/api/server.ts";
import { startControlPlane } from "../cluster/control-plane.ts";
import { ourRole } from "../cluster/roles.ts";
import { until } from "../cluster/until.ts";
import { type ApiAccess, callApi } from "../support/api-client.ts";
import { makeCertificates } from "../support/certificates.ts";
import { Candidate, type Journal, type Life, type Lock, type Sent } from "./crowd.ts";

const count = 100;
/** The short production profile: a busy machine has time to answer. */
const durations = [8, 5, 1] as const;
const leaseMs = 8000;
const calmMs = 10_000;

/** What ends a term, and how long the next command may take on a busy machine. */
const mostMs = { SIGTERM: 1500, crash: leaseMs + 2500, deletion: 1500 } as const;
/** What one candidate sends at most from the end of a term to the end of the next (L9). */
const mostAsked = { claim: 1, get: 3, watch: 2 } as const;
const story = ["SIGTERM", "crash", "deletion", "SIGTERM"] as const;

const hasServer = (process.env["KUBEBUILDER_ASSETS"] ?? "") !== "" || process.env["CI"] === "true";

describe("a hundred candidates", { timeout: 120_000 }, () => {
  test("N26 100 candidates on the embedded API server: one leads, and requests are bounded", async (t) => {
    const { certPem: cert, keyPem: key, caPem } = await makeCertificates();
    const store = new ApiStore({ tokens: { operator: "operator", pods: "pods" } });
    const api = await serveApi(store, { tls: { cert, key } });
    t.after(() => api.close());
    const url = `https://127.0.0.1:${api.port}`;
    const lock = { namespace: "default", name: "crowd", durations };
    await play(t, lock, { url, caPem, token: "operator" }, "pods");
  });

  test("N26 100 candidates on kube-apiserver: one leads, and requests are bounded", {
    skip: !hasServer && "set KUBEBUILDER_ASSETS, e.g. `setup-envtest use -p path`",
  }, async (t) => {
    const plane = await startControlPlane();
    t.after(() => plane.close());
    const namespace = await plane.namespace("crowd");
    await plane.serviceAccount(namespace, "crowd", ourRole("crowd"));
    const token = await plane.token(namespace, "crowd");
    await play(t, { namespace, name: "crowd", durations }, plane.access, token);
  });
});

async function play(t: TestContext, lock: Lock, operator: ApiAccess, token: string): Promise<void> {
  const journal: Journal = { lives: [], sent: [] };
  const access = accessTo({ ...operator, token });
  const candidates: Candidate[] = [];
  t.after(() => candidates.forEach((candidate) => candidate.crash()));
  const join = (): void => {
    const candidate = new Candidate(`candidate-${candidates.length}`, lock, access, journal);
    candidates.push(candidate);
    candidate.begin();
  };
  for (let number = 0; number < count; number++) join();
  let life = await untilRuns(journal, 1);
  for (const [at, end] of story.entries()) {
    await pause(1000);
    if (end === "SIGTERM") life.by.terminate();
    if (end === "crash") life.by.crash();
    if (end === "deletion") await remove(operator, lock);
    if (end !== "deletion") join();
    const before = life;
    life = await untilRuns(journal, at + 2);
    const gapMs = life.fromMs - before.toMs;
    t.diagnostic(`${end}: the next command after ${gapMs.toFixed(0)} ms`);
    assert.ok(gapMs >= 0, "two commands at once");
    assert.ok(gapMs <= mostMs[end], `nobody runs a command for ${gapMs.toFixed(0)} ms`);
  }
  await pause(calmMs);
  assert.equal(journal.lives.length, story.length + 1, "a term has ended by itself");
  for (const line of assertBounded(journal)) t.diagnostic(line);
  assertCalm(journal);
}

function untilRuns({ lives }: Journal, term: number): Promise<Life> {
  return until(`term ${term}`, () => lives[term - 1]);
}

async function remove(operator: ApiAccess, { namespace, name }: Lock): Promise<void> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
  assert.equal((await callApi(operator, "DELETE", path)).status, 200);
}

/** L9, from the end of one term to the end of the next; says what was sent. */
function* assertBounded({ lives, sent }: Journal): Generator<string> {
  for (const [at, { toMs }] of lives.entries()) {
    const fromMs = lives[at - 1]?.toMs ?? 0;
    const then = sent.filter(({ atMs }) => fromMs < atMs && atMs <= toMs);
    const numbers = (["claim", "get", "watch"] as const).map((what) => {
      const most = mostByOne(then.filter((it) => it.what === what));
      return { what, most, all: then.filter((it) => it.what === what).length };
    });
    yield `term ${at + 1}: ${numbers.map(({ what, all, most }) => `${all} × ${what} (${most})`).join(", ")}`;
    for (const { what, most } of numbers) {
      assert.ok(most <= mostAsked[what], `a candidate sends ${most} × ${what} for one term`);
    }
  }
}

function mostByOne(sent: readonly Sent[]): number {
  const counts = new Map<Candidate, number>();
  for (const { by } of sent) counts.set(by, (counts.get(by) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

/** Followers hear of every renewal by their watch, and ask for nothing. */
function assertCalm({ sent }: Journal): void {
  const sinceMs = performance.now() - calmMs + 2000;
  const late = sent.filter(({ atMs, what }) => atMs > sinceMs && what !== "renewal");
  assert.deepEqual(
    late.map(({ what }) => what),
    [],
  );
}

function accessTo({ url, caPem, token }: ApiAccess): Access {
  const { hostname: host, port } = new URL(url);
  const server: Server = {
    host,
    port: Number(port),
    basePath: "",
    tls: { serverName: host, ca: caPem },
    headers: { Authorization: `Bearer ${token}` },
  };
  return { server: () => Promise.resolve(server), refused: () => {} };
}
