/** Credentials on a file system that does as it likes. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openAccess } from "../../src/node/api/access.ts";
import { oneOf, type Pick, pickBy } from "../core/hostile-texts.ts";
import { temporaryFolder, until } from "../support/processes.ts";
import { weigh } from "./hostile-bytes.ts";
import { authority } from "./loopback-api.ts";

const tokens = ["first", "second".repeat(500), "third".repeat(9000)];

function environmentOf(folder: string): Record<string, string> {
  return {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: "443",
    K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR: folder,
  };
}

function mount(t: TestContext): string {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "token"), "first");
  writeFileSync(join(folder, "ca.crt"), authority.caPem);
  return folder;
}

/** What somebody may do to a file between two reads of it. */
function harm(file: string, pick: Pick): void {
  rmSync(file, { recursive: true, force: true });
  const harms = [
    () => writeFileSync(file, oneOf(pick, tokens)),
    () => writeFileSync(file, ""),
    () => writeFileSync(file, Buffer.from([0xff, 0xfe, 0, 10])),
    () => writeFileSync(file, `${oneOf(pick, tokens)}\r\nInjected: header`),
    () => mkdirSync(file),
    () => symlinkSync(file, file),
    () => symlinkSync("/dev/zero", file),
    () => void spawnSync("mkfifo", [file]),
    () => {
      writeFileSync(file, "x");
      truncateSync(file, 1e9);
    },
    () => {},
  ];
  oneOf(pick, harms)();
}

test("F5 server() gives the last token or a new one, never a part, while the file changes", async (t) => {
  const folder = mount(t);
  const file = join(folder, "token");
  const access = await openAccess(environmentOf(folder));
  const pick = pickBy(5);
  const weight = weigh();
  const seen = new Set<string>();
  for (let n = 0; n < 400; n++) {
    access.refused();
    const reading = access.server();
    // In the middle of the reading: each step of it is a trip to another thread.
    const changing = setImmediate(() => {
      writeFileSync(`${file}.new`, oneOf(pick, tokens));
      renameSync(`${file}.new`, file);
    });
    const { headers } = await reading;
    clearImmediate(changing);
    seen.add(headers["Authorization"] ?? "");
  }
  assert.deepEqual(
    [...seen].filter((text) => !tokens.includes(text.replace("Bearer ", ""))),
    [],
  );
  assert.equal(seen.size, tokens.length);
  await until(() => weight.descriptors() <= 1, "every descriptor is closed");
});

test("F5 server() sends no header but a token, and holds no more, whatever the file becomes", async (t) => {
  const folder = mount(t);
  const access = await openAccess(environmentOf(folder));
  const pick = pickBy(11);
  const weight = weigh();
  for (let n = 0; n < 300; n++) {
    harm(join(folder, "token"), pick);
    access.refused();
    const { headers } = await access.server();
    assert.ok(tokens.includes(headers["Authorization"]?.slice(7) ?? ""), "what was not a token");
  }
  await until(() => weight.descriptors() <= 1, "every descriptor is closed");
  weight.assertNoMore();
});

test("F5 openAccess() never throws, and says why in one line, whatever the files are", async (t) => {
  const pick = pickBy(13);
  for (let n = 0; n < 150; n++) {
    const folder = mount(t);
    harm(join(folder, oneOf(pick, ["token", "ca.crt"])), pick);
    const access = await openAccess(environmentOf(folder));
    if (access.problem === undefined) continue;
    assert.doesNotMatch(access.problem, /[\p{Cc}]/u);
    assert.ok(access.problem.length < 600, access.problem);
    assert.ok(access.problem.includes(folder), access.problem);
  }
});

for (const [what, value] of Object.entries({
  "a space": " ",
  "15s": "15s",
  "1e1": "1e1",
  "-1": "-1",
  "a huge number": "999999999999",
  "a line end": "a\nb",
  "half a character": "\ud800",
})) {
  for (const name of ["K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR", "K8S_AWAIT_ELECTION_KUBECONFIG"]) {
    test(`X11 openAccess() names what it cannot read with ${name.slice(19)} as ${what}`, async () => {
      const access = await openAccess({ ...environmentOf("/nowhere"), [name]: value });
      assert.match(access.problem ?? "", /^Cannot (read|use) .*ENOENT/su);
      await assert.rejects(access.server());
    });
  }
  test(`X11 openAccess() refuses or uses KUBERNETES_SERVICE_PORT as ${what}`, async (t) => {
    const environment = { ...environmentOf(mount(t)), KUBERNETES_SERVICE_PORT: value };
    const { problem } = await openAccess(environment);
    // As a number it is 10: Node reads it so, and nobody has such a port by accident.
    if (value === "1e1") assert.equal(problem, undefined);
    else assert.match(problem ?? "", /KUBERNETES_SERVICE_PORT is ".*", not a port/su);
  });
}

for (const name of ["K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR", "K8S_AWAIT_ELECTION_KUBECONFIG"]) {
  test(`X11 openAccess() takes ${name.slice(19)} empty as unset`, async () => {
    const { K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR: _, ...unset } = environmentOf("");
    // Which of the two files is missed first is chance.
    const missed = /^Cannot read \/var\/run\/secrets\/kubernetes\.io\/serviceaccount\/.*ENOENT/;
    for (const environment of [unset, { ...unset, [name]: "" }]) {
      assert.match((await openAccess(environment)).problem ?? "", missed);
    }
  });
}
