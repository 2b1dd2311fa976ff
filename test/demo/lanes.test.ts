import assert from "node:assert/strict";
import { test } from "node:test";
import { lanesOf, type Role, type Sight, sightLease } from "../../demo/lanes.ts";

const ms = 1e6;
const life = { replica: "demo-1", pid: 9, token: "42", startNs: 3000 * ms, endNs: 4000 * ms };
const waiting: Sight = {
  name: "demo-1",
  condition: "running",
  isConnected: true,
  isCut: false,
};
const nobody = { holding: undefined, leaseMs: 5000 };

const roles: readonly (readonly [role: Role, sight: Partial<Sight>])[] = [
  ["waits", {}],
  ["starts", { isConnected: false }],
  ["cut off", { isCut: true }],
  ["leads", { life }],
  ["leads, cut off", { life, isCut: true }],
  ["stops", { life, condition: "stopping" }],
  ["frozen", { life, condition: "frozen" }],
  ["restarts", { condition: "down" }],
];

for (const [role, sight] of roles) {
  test(`lanesOf() ${JSON.stringify(sight)} is the role "${role}"`, () => {
    const [lane] = lanesOf([], [{ ...waiting, ...sight }], { ...nobody, nowNs: 0 });
    assert.equal(lane?.role, role);
  });
}

test("lanesOf() a role that lasts keeps its instant, and a new one has its own", () => {
  const first = lanesOf([], [waiting], { ...nobody, nowNs: 1000 * ms });
  const second = lanesOf(first, [waiting], { ...nobody, nowNs: 2000 * ms });
  assert.equal(second[0]?.sinceNs, 1000 * ms);
  const cut = lanesOf(second, [{ ...waiting, isCut: true }], { ...nobody, nowNs: 2500 * ms });
  assert.equal(cut[0]?.sinceNs, 2500 * ms);
});

test("lanesOf() a leader leads since its command began, with the token of that term", () => {
  const [lane] = lanesOf([], [{ ...waiting, life, port: 80 }], { ...nobody, nowNs: 4000 * ms });
  assert.deepEqual(lane, {
    name: "demo-1",
    role: "leads",
    sinceNs: 3000 * ms,
    token: "42",
    port: 80,
  });
});

test("lanesOf() the holder's time runs from the sight of its last renewal", () => {
  const lease = { holder: "demo-1", renewTime: "a", transitions: 0 };
  const seen = sightLease(undefined, lease, 1000 * ms);
  const again = sightLease(seen, { ...lease }, 2500 * ms);
  const leftAt = (nowMs: number, holding = again) =>
    lanesOf([], [waiting], { holding, leaseMs: 5000, nowNs: nowMs * ms })[0]?.leftMs;
  assert.equal(leftAt(2500), 3500);
  assert.equal(leftAt(9000), 0);
  const renewed = sightLease(again, { ...lease, renewTime: "b" }, 3000 * ms);
  assert.equal(leftAt(3000, renewed), 5000);
  assert.equal(sightLease(renewed, undefined, 4000 * ms), undefined);
});
