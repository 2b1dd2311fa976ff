/** A function that does not stop: the process ends, even if its loop is blocked (S3). */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { deriveTiming } from "../../src/core/timing.ts";
import { EmbeddedApiServer } from "../../src/testing/index.ts";
import { until } from "../cluster/until.ts";
import { type Member, startMember } from "./member.ts";

const durations = { leaseSeconds: 5, renewDeadlineSeconds: 3, retrySeconds: 1 };
const timing = deriveTiming(durations);
const lease = { namespace: "default", name: "demo" };

/** W, and what the news of the end of a process take on a busy machine. */
const latenessMs = 250 + 500;

describe("onOverrun exit, in a real process", { concurrency: 3 }, () => {
  it("C7 SIGKILL at H where the function blocks the loop", async (t) => {
    const { member, server } = await startLed(t);
    await renewal(server);
    member.order({ type: "block", ms: 60_000 });
    const { code, signal } = await member.ended;
    assert.deepEqual({ code, signal }, { code: null, signal: "SIGKILL" });
    assert.match(member.stderr(), /default\/demo did not stop/);
    assertInTime(server);
  });

  it("code 70 at H where the function ignores its signal", async (t) => {
    const { member, server } = await startLed(t, { temper: "deaf" });
    await server.close();
    const { code, signal } = await member.ended;
    assert.deepEqual({ code, signal }, { code: 70, signal: null });
    assert.equal(member.count("abort"), 1);
    assert.match(member.stderr(), /did not stop .*: ending the process/);
    assertInTime(server);
  });

  it("nothing where the function stops in time, and the process ends by itself", async (t) => {
    const { member, server } = await startLed(t, { rejoin: false });
    await server.close();
    assert.match((await member.event("done")).text ?? "", /could not be renewed in time/);
    assert.deepEqual(await member.ended, { code: 0, signal: null });
  });

  it("nothing where the loop is blocked for less, and renewals go on", async (t) => {
    const { member, server } = await startLed(t);
    member.order({ type: "block", ms: 1000 });
    await renewal(server);
    await renewal(server);
    member.order({ type: "stop" });
    assert.deepEqual(await member.ended, { code: 0, signal: null });
    assert.equal(server.holder("default", "demo"), "");
  });
});

interface Led {
  readonly member: Member;
  readonly server: EmbeddedApiServer;
}

async function startLed(t: TestContext, options: object = {}): Promise<Led> {
  const server = new EmbeddedApiServer();
  t.after(() => server.close());
  const { kubeconfig } = await server.listen();
  const member = startMember(t, { kubeconfig, lease, identity: "one", durations, ...options });
  await member.event("start");
  return { member, server };
}

async function renewal(server: EmbeddedApiServer): Promise<void> {
  const known = renewTime(server);
  await until("a renewal", () => (renewTime(server) === known ? undefined : true));
}

function renewTime(server: EmbeddedApiServer): string {
  return server.lease("default", "demo")?.renewTime ?? "";
}

/** By wall time, which nobody sets meanwhile: the leader's own, in its last renewal. */
function assertInTime(server: EmbeddedApiServer): void {
  const lastedMs = Date.now() - Date.parse(renewTime(server));
  assert.ok(lastedMs >= timing.killMs - 100, `${lastedMs} ms is before H`);
  assert.ok(lastedMs <= timing.killMs + latenessMs, `${lastedMs} ms is after H + W`);
}
