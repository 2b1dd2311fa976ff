/** The ready probe (L11): what is asked of the command, and whoever is asked, the leader never feels it. */
import assert from "node:assert/strict";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { freePort } from "../cluster/server-processes.ts";
import { contentOf, isRunning, numbersIn, until } from "../support/processes.ts";
import { type Bin, isNodeHost, scratchFolder } from "./bin.ts";
import {
  assertEmptyBetween,
  assertReleases,
  calm,
  type Cluster,
  openCluster,
  type ReplicaOptions,
} from "./cluster.ts";
import { hostileServers } from "./hostile-servers.ts";
import { isEmpty, treeUnder, untilTree } from "./observer.ts";

const runs: readonly string[] = ["sh", "-c", "echo runs; exec sleep 60"];

describe("ready probe", { concurrency: 3, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  it("exec: is ready while a file is there, and gets the command's variables", async (t) => {
    const folder = scratchFolder(t);
    const file = join(folder, "ready");
    const probe = `exec:${script(folder, `env > ${folder}/env; echo $1; test -e ${file}`)} noise`;
    const { bin, port } = await startLeader(t, "exec", probe, {
      K8S_AWAIT_ELECTION_READY_THRESHOLD: "2",
    });
    await untilFound(port, false, /^ended with code 1$/);
    writeFileSync(file, "");
    await bin.log.first(/INFO +the command is ready/);
    await untilFound(port, true, /^ended with code 0$/);
    rmSync(file);
    await bin.log.first(/WARN +the command is not ready any more failures=2/);
    await untilFound(port, false, /^ended with code 1$/);
    assert.match(contentOf(join(folder, "env")), /^K8S_AWAIT_ELECTION_FENCING_TOKEN=\d+$/m);
    assert.deepEqual(bin.output.all, ["runs"], "what a probe says goes nowhere");
    await assertUnaffected(bin, "exec");
  });

  it("http: 200 to 399 is a yes, and no redirect is followed", async (t) => {
    let status = 503;
    const requests: IncomingMessage[] = [];
    const target = createServer((asked, response) => {
      requests.push(asked);
      response.writeHead(status, { Location: "/elsewhere" }).end("a secret");
    });
    const at = await listen(t, target);
    const { bin, port } = await startLeader(t, "http", `http://127.0.0.1:${at}/healthz?full=1`);
    for (const [next, isReady] of [
      [503, false],
      [302, true],
      [404, false],
      [204, true],
    ] as const) {
      status = next;
      await untilFound(port, isReady, new RegExp(`^HTTP ${next} from 127.0.0.1:${at}$`));
    }
    assert.deepEqual(new Set(requests.map(({ url }) => url)), new Set(["/healthz?full=1"]));
    for (const { method, headers } of requests) {
      assert.deepEqual([method, headers.host], ["GET", `127.0.0.1:${at}`]);
      assert.equal(headers.connection, "close");
      assert.equal(headers.authorization, undefined);
    }
    await assertUnaffected(bin, "http");
    assert.doesNotMatch(bin.log.text, /secret/);
  });

  it("tcp: is ready once somebody listens, on IPv6 too", async (t) => {
    const at = await freePort();
    const { bin, port } = await startLeader(t, "tcp", `tcp://[::1]:${at}`);
    await untilFound(port, false, /^ECONNREFUSED \[::1\]:/);
    const sockets: Socket[] = [];
    const target = createTcpServer((socket) => {
      socket.on("error", () => {});
      sockets.push(socket.resume());
    });
    await listen(t, target, at, "::1");
    await untilFound(port, true, /^connected to \[::1\]:/);
    await until(() => sockets.length >= 3, "it is asked again");
    await until(() => sockets.slice(0, 2).every(({ closed }) => closed), "each is closed");
    await assertUnaffected(bin, "tcp");
    assert.ok(sockets.every(({ bytesRead }) => bytesRead === 0));
  });

  it("L11 a command that is never ready gives the lease to another, and backs off", async (t) => {
    const one = await cluster.start(t, neverOr("false"));
    await one.output.first(/^runs/);
    const two = await cluster.start(t, { ...neverOr("true"), identity: "two" });
    await one.log.first(/ERROR the command was not ready in time: stopping it limitMs=1000/);
    await two.log.first(/the command is ready/);
    assert.ok(!one.hasEnded());
    assert.deepEqual(
      cluster.seen("never", "claim").map(({ replica }) => replica.identity),
      ["one", "two"],
    );
    assertEmptyBetween(cluster, "never");
  });

  for (const [name, target, found] of hostileServers()) {
    it(`hostile: ${name}`, async (t) => {
      const lease = name.replaceAll(/[^a-z]+/g, "-");
      const sockets: Socket[] = [];
      const server = createTcpServer((socket) => {
        socket.on("error", () => {});
        socket.resume();
        sockets.push(socket);
        target(socket);
      });
      const at = await listen(t, server);
      const { bin, port } = await startLeader(t, lease, `http://127.0.0.1:${at}/`);
      await untilFound(port, found.ok, found.detail);
      await until(() => sockets.length >= 3, "it is asked again");
      const written = sockets.slice(0, 2).map(({ bytesWritten }) => bytesWritten);
      assert.ok(Math.max(...written) < 50_000_000, `${written.join()} bytes were taken`);
      await until(() => sockets.slice(0, 2).every(({ closed }) => closed), "each is closed");
      await assertUnaffected(bin, lease);
    });
  }

  for (const asPid1 of [false, true]) {
    it(`hostile: a program that forks and hangs${asPid1 ? ", as PID 1" : ""}`, async (t) => {
      const folder = scratchFolder(t);
      const lease = asPid1 ? "hangs-as-pid-one" : "hangs";
      const hang = script(folder, `sleep 60 & setsid sleep 60 & echo $$ >> ${folder}/pids; wait`);
      const { bin, port } = await startLeader(t, lease, `exec:${hang}`, {}, { asPid1 });
      await untilFound(port, false, /^ETIMEDOUT no end within 1000 ms$/);
      await until(() => numbersIn(join(folder, "pids")).length >= 3, "it is asked again");
      if (!asPid1) {
        const [first = 0, second = 0] = numbersIn(join(folder, "pids"));
        await until(() => !isRunning(first) && !isRunning(second), "the ones before are gone");
      }
      // What left the group is found by the term's mark: the lease is let go without it only.
      assert.ok(treeUnder(lease).length > 3);
      await assertUnaffected(bin, lease);
      assert.deepEqual(treeUnder(lease), []);
    });
  }

  it("hostile: a program that is not there", async (t) => {
    const { bin, port } = await startLeader(t, "missing", "exec:/no/such/check");
    await untilFound(port, false, /^Cannot start "\/no\/such\/check": not found \(ENOENT\)$/);
    await assertUnaffected(bin, "missing");
  });

  it("P1 a probe's program does not outlive a host that is killed", async (t) => {
    const folder = scratchFolder(t);
    const hang = script(folder, `echo $$ > ${folder}/pid; exec sleep 60`);
    // Node has no pdeathsig: beside PID 1 the command lives on as well, which is said at its start.
    const env = { K8S_AWAIT_ELECTION_READY_TIMEOUT: "60" };
    const { bin } = await startLeader(t, "killed", `exec:${hang}`, env, { asPid1: isNodeHost });
    await until(() => existsSync(join(folder, "pid")), "the probe runs");
    await untilTree("killed", (tree) => tree.length >= 2, "the command and the probe");
    bin.signal("SIGKILL");
    await bin.ended;
    await untilTree("killed", isEmpty, "nothing is left");
  });

  async function startLeader(
    t: TestContext,
    lease: string,
    probe: string,
    env: Readonly<Record<string, string>> = {},
    options: { readonly asPid1?: boolean } = {},
  ): Promise<{ readonly bin: Bin; readonly port: number }> {
    const port = await freePort();
    const own = {
      K8S_AWAIT_ELECTION_READY_PROBE: probe,
      K8S_AWAIT_ELECTION_READY_THRESHOLD: "1",
      K8S_AWAIT_ELECTION_STATUS_ENDPOINT: `127.0.0.1:${port}`,
    };
    const all = { ...calm, ...own, ...env };
    const bin = await cluster.start(t, { lease, argv: runs, env: all, ...options });
    await bin.output.first(/^runs/);
    return { bin, port };
  }

  /** The leader renews as ever, is asked to stop, and lets go with nothing alive. */
  async function assertUnaffected(bin: Bin, lease: string): Promise<void> {
    const renewals = await cluster.renewals(lease, 2);
    const gapMs = (renewals[1]?.atMs ?? 0) - (renewals[0]?.atMs ?? 0);
    assert.ok(gapMs < 4000, `${gapMs} ms between renewals`);
    assert.equal(cluster.seen(lease, "claim").length, 1);
    bin.signal("SIGTERM");
    assert.deepEqual(await bin.ended, { code: 143, signal: null });
    assertReleases(cluster, lease, 1);
  }
});

/** A replica whose command is ready if this program says so. */
function neverOr(ready: string): ReplicaOptions {
  const env = {
    ...calm,
    K8S_AWAIT_ELECTION_READY_PROBE: `exec:${ready}`,
    K8S_AWAIT_ELECTION_START_TIMEOUT: "1",
  };
  return { lease: "never", argv: runs, env };
}

/** Writes a program that runs these words of a shell; returns its path. */
function script(folder: string, words: string): string {
  const file = join(folder, "probe");
  writeFileSync(file, `#!/bin/sh\n${words}\n`, { mode: 0o755 });
  return file;
}

/** Waits until the status says so of the last probe. */
async function untilFound(port: number, isReady: boolean, detail: RegExp): Promise<void> {
  const limitMs = performance.now() + 20_000;
  for (;;) {
    const { readiness } = await statusOf(port);
    if (readiness?.ready === isReady && detail.test(readiness.lastProbe)) return;
    if (performance.now() > limitMs) assert.fail(`${JSON.stringify(readiness)}, not ${detail}`);
  }
}

interface Status {
  readonly readiness: { readonly ready: boolean; readonly lastProbe: string } | null;
}

function statusOf(port: number): Promise<Status> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path: "/status", agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      answer.on("end", () => resolve(JSON.parse(text) as Status));
    });
    asked.on("error", reject);
    asked.end();
  });
}

async function listen(
  t: TestContext,
  server: ReturnType<typeof createTcpServer>,
  port: number = 0,
  host: string = "127.0.0.1",
): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}
