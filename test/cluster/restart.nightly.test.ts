/**
 * A real control plane that is restarted, and one whose etcd is killed and away for 5 s: with the
 * durations that everybody has, the command goes on through both.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { assertExclusive, journalOf, starts } from "../hosts/oracle.ts";
import { endProcess } from "../support/processes.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { deploy, type Deployment } from "./replicas.ts";
import { ourRole } from "./roles.ts";
import { until } from "./until.ts";

const rounds = 3;
const downMs = 5000;

describe("a real control plane that is away for a while", () => {
  let plane: ControlPlane;
  before(async () => {
    plane = await startControlPlane();
  });
  after(() => plane?.close());

  const options = { rules: ourRole("lock"), durations: {} };

  it(`N24 kube-apiserver restarted ${rounds} times: no restart of the command`, async (t) => {
    const deployment = await deploy(t, plane, options);
    await deployment.startLed(3);
    for (let round = 1; round <= rounds; round += 1) {
      const startedAt = performance.now();
      await plane.restartApiServer();
      t.diagnostic(`away for ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
      await untilRenewed(deployment, 2);
    }
    assertUndisturbed(deployment);
  });

  it(`N24 etcd killed and away for ${downMs / 1000} s: no restart of the command`, async (t) => {
    const deployment = await deploy(t, plane, options);
    await deployment.startLed(3);
    let { etcd } = plane.processIds;
    for (let round = 1; round <= rounds; round += 1) {
      etcd = await restartAfter(t, etcd, downMs);
      await untilRenewed(deployment, 2);
    }
    assertUndisturbed(deployment);
  });
});

/** Kills a server, and starts the same program again when the time is over. */
async function restartAfter(t: TestContext, pid: number, ms: number): Promise<number> {
  const [file = "", ...words] = readFileSync(`/proc/${pid}/cmdline`, "utf8")
    .split("\0")
    .slice(0, -1);
  const cwd = readlinkSync(`/proc/${pid}/cwd`);
  endProcess(pid);
  await pause(ms);
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", file, ...words], {
    cwd,
    stdio: "ignore",
  });
  t.after(() => endProcess(child.pid));
  return child.pid ?? assert.fail("setpriv could not be started");
}

async function untilRenewed({ operator }: Deployment, count: number): Promise<void> {
  // An API server without etcd answers with errors.
  const version = async () =>
    operator.lease().then(
      ({ metadata }) => Number(metadata?.resourceVersion),
      () => NaN,
    );
  for (let round = 0, known = NaN; round <= count; round += 1) {
    known = await until("a renewal", async () => {
      const now = await version();
      return Number.isNaN(now) || now === known ? undefined : now;
    });
  }
}

function assertUndisturbed(deployment: Deployment): void {
  // A leader may renew before and after a short outage; followers see their watches end.
  assert.match(deployment.logs(), /cannot (read|write) the lease/, "somebody has felt it");
  assert.equal(starts(deployment.journal).length, 1, deployment.logs());
  const asked = journalOf(deployment.journal).some(({ what }) => what === "term");
  assert.ok(!asked, deployment.logs());
  assertExclusive(deployment.journal);
}
