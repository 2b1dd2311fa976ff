import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { holdStartLock } from "../../src/node/start-lock.ts";
import { endProcess, temporaryFolder } from "../support/processes.ts";

const module = new URL("../../src/node/start-lock.js", import.meta.url).href;

/** What the kernel shows in a namespace that is not the machine's first one. */
function podSettings(t: TestContext): string {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "somaxconn"), "4096\n");
  return folder;
}

test("holdStartLock() L8 is ours alone, for one pod and Lease", async (t) => {
  const settingsFolder = podSettings(t);
  const podUid = randomUUID();
  const lock = { podUid, namespace: "default", leaseName: "lock", settingsFolder };
  assert.equal(await holdStartLock(lock), true);
  assert.equal(await holdStartLock(lock), false);
  assert.equal(await holdStartLock({ ...lock, leaseName: "other" }), true);
  assert.equal(await holdStartLock({ ...lock, namespace: "other" }), true);
  assert.equal(await holdStartLock({ ...lock, podUid: randomUUID() }), true);
});

test("holdStartLock() L8 fills the whole address, with or without padding", async (t) => {
  const settingsFolder = podSettings(t);
  const uid = randomUUID();
  await holdStartLock({ podUid: uid, namespace: "n".repeat(63), leaseName: "l", settingsFolder });
  const names = readFileSync("/proc/net/unix", "utf8").match(/@k8s-await-election\/.*$/gmu) ?? [];
  assert.ok(names.length > 0);
  for (const name of names) assert.match(name, /^@k8s-await-election\/[0-9a-f]{88}$/u);
});

test("holdStartLock() L8 is free again when its owner was killed", async (t) => {
  const lock = { podUid: randomUUID(), namespace: "n", leaseName: "l" };
  const settingsFolder = podSettings(t);
  const script = `
    const { holdStartLock } = await import(${JSON.stringify(module)});
    process.stdout.write(String(await holdStartLock(${JSON.stringify({ ...lock, settingsFolder })})));
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => endProcess(owner.exitCode === null ? owner.pid : undefined));
  const [said] = (await once(owner.stdout, "data")) as [Buffer];
  assert.equal(said.toString(), "true");
  assert.equal(await holdStartLock({ ...lock, settingsFolder }), false);
  owner.kill("SIGKILL");
  await once(owner, "exit");
  assert.equal(await holdStartLock({ ...lock, settingsFolder }), true);
});

test("holdStartLock() L8 says no in the machine's namespace and where it cannot tell", async (t) => {
  const lock = { podUid: randomUUID(), namespace: "n", leaseName: "l" };
  const machine = podSettings(t);
  writeFileSync(join(machine, "netdev_max_backlog"), "1000\n");
  assert.equal(await holdStartLock({ ...lock, settingsFolder: machine }), false);
  assert.equal(await holdStartLock({ ...lock, settingsFolder: temporaryFolder(t) }), false);
});

test("holdStartLock() L8 does not keep the process alive", async (t) => {
  const lock = { podUid: randomUUID(), namespace: "n", leaseName: "l" };
  const script = `
    const { holdStartLock } = await import(${JSON.stringify(module)});
    await holdStartLock(${JSON.stringify({ ...lock, settingsFolder: podSettings(t) })});`;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", script]);
  t.after(() => endProcess(owner.exitCode === null ? owner.pid : undefined));
  assert.deepEqual(await once(owner, "exit"), [0, null]);
});

const unshare = spawnSync("unshare", ["--net", "true"]).status === 0;
const skip = unshare || process.env["CI"] === "true" ? false : "unshare is not permitted";

test("holdStartLock() L8 knows a network namespace by itself", { skip }, () => {
  const lock = { podUid: randomUUID(), namespace: "n", leaseName: "l" };
  const script = `
    const { holdStartLock } = await import(${JSON.stringify(module)});
    process.stdout.write(String(await holdStartLock(${JSON.stringify(lock)})));`;
  const words = ["--net", process.execPath, "--input-type=module", "-e", script];
  assert.equal(spawnSync("unshare", words, { encoding: "utf8" }).stdout, "true");
});
