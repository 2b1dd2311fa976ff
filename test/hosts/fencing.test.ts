/** The fencing token, and the store of `examples/fencing` that refuses what is late. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "../support/processes.ts";
import { Lines, scratchFolder } from "./bin.ts";
import { type Cluster, openCluster } from "./cluster.ts";

const examples = fileURLToPath(new URL("../../../examples/fencing", import.meta.url));
const tokenName = "K8S_AWAIT_ELECTION_FENCING_TOKEN";

interface Store {
  readonly url: string;
  readonly file: string;
  /** What it has said. */
  readonly log: Lines;
  /** The answer to a write with this token; without one if it is undefined. */
  put(token: string | undefined, value?: string): Promise<number>;
  get(): Promise<{ readonly value: string; readonly token: string | null }>;
  /** Ends it as a power cut would. */
  end(): Promise<void>;
}

async function openStore(t: TestContext, file: string): Promise<Store> {
  const { child, log } = run(t, ["store.mjs", file, "0"], {});
  const [, port] = /port (\d+)/.exec(await log.first(/^stored at/)) ?? [];
  const url = `http://127.0.0.1:${port}/`;
  return {
    url,
    file,
    log,
    async put(token, body = "x") {
      const headers: Record<string, string> = token === undefined ? {} : { "Fencing-Token": token };
      return (await fetch(url, { method: "PUT", headers, body })).status;
    },
    async get() {
      const answer = await fetch(url);
      return { value: await answer.text(), token: answer.headers.get("Fencing-Token") };
    },
    async end() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

interface Run {
  readonly child: ChildProcess;
  readonly log: Lines;
}

/** A program of the examples, ended after the test. */
function run(t: TestContext, [name = "", ...words]: string[], env: Record<string, string>): Run {
  const stdio = ["ignore", "pipe", "ignore"] as const;
  const argv = [join(examples, name), ...words];
  const child = spawn(process.execPath, argv, { stdio: [...stdio], env });
  t.after(() => void child.kill("SIGKILL"));
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return { child, log: new Lines(child.stdout, hasEnded) };
}

describe("a store that refuses smaller tokens", { timeout: 60_000 }, () => {
  it("takes the same token and greater ones, and no smaller one", async (t) => {
    const store = await openStore(t, join(scratchFolder(t), "state"));
    assert.deepEqual([await store.put("9", "nine"), await store.put("9", "again")], [200, 200]);
    assert.equal(await store.put("10", "ten"), 200);
    assert.equal(await store.put("9", "late"), 409);
    assert.deepEqual(await store.get(), { value: "ten", token: "10" });
    await store.log.first(/^refused 9 after 10$/);
  });

  it("compares whole numbers of any length, not texts and not doubles", async (t) => {
    const store = await openStore(t, join(scratchFolder(t), "state"));
    const ascending = [
      "9",
      "10",
      "9007199254740992",
      "9007199254740993",
      "18446744073709551615",
      "99999999999999999999999999999999999999",
      "100000000000000000000000000000000000000",
    ];
    for (const [index, token] of ascending.entries()) {
      assert.equal(await store.put(token), 200, token);
      for (const older of ascending.slice(0, index))
        assert.equal(await store.put(older), 409, older);
    }
  });

  it("refuses what is no token", async (t) => {
    const store = await openStore(t, join(scratchFolder(t), "state"));
    for (const token of [undefined, "-1", "1.5", "1e3", "0x10", "abc", "1 2"]) {
      assert.equal(await store.put(token), 400, token);
    }
    assert.deepEqual(await store.get(), { value: "", token: "0" });
  });

  it("remembers the token when it was killed, and does not start without it", async (t) => {
    const file = join(scratchFolder(t), "state");
    const first = await openStore(t, file);
    assert.equal(await first.put("41", "kept"), 200);
    await first.end();
    const second = await openStore(t, file);
    assert.deepEqual([await second.put("40", "late"), await second.put("41", "same")], [409, 200]);
    await second.end();
    writeFileSync(file, "");
    const { child } = run(t, ["store.mjs", file, "0"], {});
    child.stdout?.resume();
    const [code] = (await once(child, "exit")) as [number];
    assert.notEqual(code, 0);
    assert.equal(readFileSync(file, "utf8"), "");
  });

  it("ends the older of two writers at the first write of the newer one", async (t) => {
    const store = await openStore(t, join(scratchFolder(t), "state"));
    const older = run(t, ["writer.mjs", store.url], { [tokenName]: "999" });
    await older.log.first(/^writing with 999$/);
    const newer = run(t, ["writer.mjs", store.url], { [tokenName]: "1000" });
    await older.log.first(/^refused: 999 leads no more$/);
    await newer.log.first(/^writing with 1000$/);
    await until(() => older.child.exitCode === 3, "the older writer ends by itself");
    assert.match((await store.get()).value, /^1000 has written/);
    assert.equal(newer.child.exitCode, null);
  });
});

describe("the token of a term", { timeout: 90_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  it("C1 the store takes no late write of a leader whose host was stopped", async (t) => {
    const lease = "fenced";
    const store = await openStore(t, join(scratchFolder(t), "state"));
    const argv = [process.execPath, join(examples, "writer.mjs"), store.url];
    const first = await cluster.start(t, { lease, identity: "one", argv });
    const [, older = ""] = /with (\d+)/.exec(await first.output.first(/^writing with/)) ?? [];
    assert.equal(older, tokenOf(cluster, lease));
    // All of the host stops, its watchdog too; the command does not.
    first.signal("SIGSTOP");
    const second = await cluster.start(t, { lease, identity: "two", argv });
    const [, newer = ""] = /with (\d+)/.exec(await second.output.first(/^writing with/)) ?? [];
    assert.ok(BigInt(newer) > BigInt(older), `${newer} after ${older}`);
    await first.output.first(new RegExp(`^refused: ${older} leads no more$`));
    assert.deepEqual(
      store.log.all.filter((line) => line.startsWith("a new leader")),
      [`a new leader: ${older} after 0`, `a new leader: ${newer} after ${older}`],
    );
    first.signal("SIGCONT");
    await first.log.first(/lost the lease/);
    assert.match((await store.get()).value, new RegExp(`^${newer} has written`));
  });

  it("S10 is greater in every term, also after the Lease was deleted", async (t) => {
    const lease = "terms";
    const argv = ["sh", "-c", `echo "token $${tokenName}"; exec sleep 60`];
    const bin = await cluster.start(t, { lease, argv });
    const tokens: bigint[] = [];
    for (let term = 0; term < 3; term++) {
      const lines = () => bin.output.all.filter((line) => line.startsWith("token "));
      await until(() => lines().length === term + 1, `term ${term + 1}`, 20_000);
      tokens.push(BigInt(lines()[term]?.slice(6) ?? ""));
      cluster.removeLease(lease);
    }
    assert.ok(tokens[0]! < tokens[1]! && tokens[1]! < tokens[2]!, tokens.join());
  });
});

/** The version of the claim that opened the last term. */
function tokenOf(cluster: Cluster, lease: string): unknown {
  return cluster.seen(lease, "claim").at(-1)?.answer.metadata?.resourceVersion;
}
