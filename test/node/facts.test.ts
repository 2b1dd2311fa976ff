import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { test } from "node:test";
import type { Access } from "../../src/node/api/server.ts";
import { isEnabled } from "../../src/core/settings.ts";
import { gatherFacts } from "../../src/node/facts.ts";

function fakeAccess(found: Partial<Access>): Access {
  return { server: () => Promise.reject(new Error("unused")), refused: () => {}, ...found };
}

test("gatherFacts() takes our variables and nothing else of the environment", async () => {
  const environment = { K8S_AWAIT_ELECTION_NAME: "n", SECRET: "s", K8S_AWAIT_ELECTIONS: "no" };
  const facts = await gatherFacts({ argv: [], environment });
  assert.deepEqual(facts.variables, { K8S_AWAIT_ELECTION_NAME: "n" });
  assert.equal(JSON.stringify(facts).includes('"s"'), false);
});

test("gatherFacts() S9 has a new incarnation and seed at every start", async () => {
  const [a, b] = await Promise.all([1, 2].map(gatherBare));
  assert.match(a!.incarnation, /^[0-9a-f]{32}$/u);
  assert.notEqual(a!.incarnation, b!.incarnation);
  assert.ok(Number.isInteger(a!.seed) && 0 <= a!.seed && a!.seed < 2 ** 32);
});

test("gatherFacts() survives JSON unchanged", async () => {
  const facts = await gatherBare();
  assert.deepEqual(JSON.parse(JSON.stringify(facts)), facts);
  assert.equal(facts.hostName, hostname());
  assert.equal(facts.isPid1, false);
  assert.deepEqual(facts.abilities, {
    treeDiesWithHost: false,
    reapsOrphans: false,
    soleHolder: false,
  });
});

test("gatherFacts() says what is wrong with the command, and keeps its words", async () => {
  const facts = await gatherFacts({
    argv: ["/nowhere/missing", "--password=hunter2"],
    environment: {},
  });
  assert.equal(facts.hasCommand, true);
  assert.equal(facts.commandProblem?.errno, "ENOENT");
  assert.equal(JSON.stringify(facts).includes("hunter2"), false);
});

test("gatherFacts() takes pod and problem from the access", async () => {
  const access = fakeAccess({ podUid: "uid", podName: "name", problem: "Cannot." });
  const facts = await gatherFacts({ argv: [], environment: {}, access });
  assert.equal(facts.podUid, "uid");
  assert.equal(facts.podName, "name");
  assert.equal(facts.apiProblem, "Cannot.");
});

test("gatherFacts() L8 is no sole holder where the host name is not the pod's", async () => {
  const access = fakeAccess({ podUid: "uid", podName: `not-${hostname()}` });
  const environment = { K8S_AWAIT_ELECTION_LOCK_NAME: "l", K8S_AWAIT_ELECTION_LOCK_NAMESPACE: "n" };
  const facts = await gatherFacts({ argv: [], environment, access });
  assert.equal(facts.abilities.soleHolder, false);
});

test("isEnabled() is about a value that is not empty", () => {
  assert.equal(isEnabled({}), false);
  assert.equal(isEnabled({ K8S_AWAIT_ELECTION_ENABLED: "" }), false);
  assert.equal(isEnabled({ K8S_AWAIT_ELECTION_ENABLED: "false" }), true);
});

test("facts.ts loads nothing of HTTP or TLS", () => {
  const module = new URL("../../src/node/facts.js", import.meta.url).href;
  const script = `
    await import(${JSON.stringify(module)});
    const loaded = process.moduleLoadList.filter((it) => /NativeModule _?(http|https|tls|net)/.test(it));
    process.stdout.write(loaded.join());`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  assert.equal(stdout, "");
});

function gatherBare() {
  return gatherFacts({ argv: [], environment: {} });
}
