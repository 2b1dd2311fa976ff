/** Row F6: the status endpoint under clients of every kind, none of which the leader may feel. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { after, before, describe, it, type TestContext } from "node:test";
import { until } from "../support/processes.ts";
import type { Bin } from "./bin.ts";
import { assertReleases, calm, type Cluster, openCluster } from "./cluster.ts";

interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

const well: Answer = {
  status: 200,
  type: "text/plain; charset=utf-8",
  body: '{"status": "ok"}',
};

describe("status endpoint", { concurrency: 3, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  async function startLeader(t: TestContext, lease: string, port: number): Promise<Bin> {
    const env = {
      ...calm,
      K8S_AWAIT_ELECTION_STATUS_ENDPOINT: `127.0.0.1:${port}`,
      K8S_AWAIT_ELECTION_LOG_LEVEL: "debug",
    };
    const bin = await cluster.start(t, {
      lease,
      argv: ["sh", "-c", "echo runs; exec sleep 60"],
      env,
    });
    await bin.output.first(/^runs/);
    return bin;
  }

  /** The leader renews as ever, is asked to stop, and lets go. */
  async function assertUnaffected(bin: Bin, lease: string): Promise<void> {
    await cluster.renewals(lease, 2);
    assert.equal(cluster.seen(lease, "claim").length, 1);
    bin.signal("SIGTERM");
    assert.deepEqual(await bin.ended, { code: 143, signal: null });
    assertReleases(cluster, lease, 1);
  }

  it("F6 the original's answer, on any path and by any method", async (t) => {
    const port = await freePort();
    const bin = await startLeader(t, "any-path", port);
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      for (const path of ["/", "/healthz", "/a/b?c=d", "//", "/%00"]) {
        assert.deepEqual(await ask(port, method, path), well, `${method} ${path}`);
      }
    }
    assert.deepEqual(await ask(port, "HEAD", "/"), { ...well, body: "" });
    assert.deepEqual(await ask(port, "POST", "/", "x".repeat(1 << 20)), well);
    await assertUnaffected(bin, "any-path");
  });

  it("F6 a candidate is well too", async (t) => {
    const port = await freePort();
    const lease = "candidate";
    cluster.putLease(lease, { holderIdentity: "another", leaseDurationSeconds: 60 });
    const env = { K8S_AWAIT_ELECTION_STATUS_ENDPOINT: `127.0.0.1:${port}` };
    const bin = await cluster.start(t, { lease, argv: ["true"], env });
    await bin.log.first(/the leader is/);
    assert.deepEqual(await ask(port, "GET", "/"), well);
  });

  it("F6 a busy port stops nobody, and is served once it is free", async (t) => {
    const other = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number };
    const bin = await startLeader(t, "busy-port", port);
    await bin.log.first(/WARN .*status endpoint cannot be served.*EADDRINUSE/);
    await cluster.renewals("busy-port", 1);
    await new Promise((resolve) => other.close(resolve));
    await bin.log.first(/status endpoint is served/);
    assert.deepEqual(await ask(port, "GET", "/"), well);
    await assertUnaffected(bin, "busy-port");
  });

  it("F6 200 clients that send a byte now and then", async (t) => {
    const port = await freePort();
    const bin = await startLeader(t, "slow-clients", port);
    const sockets = await openMany(t, port, 200);
    for (const socket of sockets) socket.write("GET / HTTP/1.1\r\nHost: a\r\nX-");
    const dripping = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write("a");
    }, 50);
    t.after(() => clearInterval(dripping));
    assert.deepEqual(await ask(port, "GET", "/"), well, "a probe is answered among them");
    await cluster.renewals("slow-clients", 2);
    assert.deepEqual(await ask(port, "GET", "/"), well);
    await until(() => sockets.every(({ closed }) => closed), "each of them is cut off");
    await assertUnaffected(bin, "slow-clients");
  });

  it("F6 a megabyte of headers is refused", async (t) => {
    const port = await freePort();
    const bin = await startLeader(t, "long-headers", port);
    const text = await exchange(
      port,
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${"y".repeat(1 << 20)}\r\n\r\n`,
    );
    assert.match(text, /^(HTTP\/1\.1 431 |$)/);
    assert.deepEqual(await ask(port, "GET", "/"), well);
    await assertUnaffected(bin, "long-headers");
  });

  it("F6 a thousand requests in one packet get one answer that is well", async (t) => {
    const port = await freePort();
    const bin = await startLeader(t, "pipelined", port);
    const text = await exchange(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000));
    assert.equal(text.split("HTTP/1.1 200 OK").length - 1, 1);
    assert.deepEqual(await ask(port, "GET", "/"), well);
    await assertUnaffected(bin, "pipelined");
  });

  it("F6 what is no HTTP is cut off", async (t) => {
    const port = await freePort();
    const bin = await startLeader(t, "no-http", port);
    for (const bytes of ["\x16\x03\x01\x02\0", "\0".repeat(10_000)]) {
      assert.doesNotMatch(await exchange(port, bytes), /200 OK/);
    }
    assert.deepEqual(await ask(port, "GET", "/"), well);
    await assertUnaffected(bin, "no-http");
  });
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function ask(port: number, method: string, path: string, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, method, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () =>
        resolve({
          status: response.statusCode,
          type: response.headers["content-type"],
          body: text,
        }),
      );
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** Sends bytes and returns all that comes until the server hangs up. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes, "latin1"));
    socket.setEncoding("latin1");
    socket.on("data", (part: string) => {
      text += part;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

async function openMany(t: TestContext, port: number, count: number): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(port, "127.0.0.1"));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (const socket of sockets) socket.on("error", () => {});
  await Promise.all(
    sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))),
  );
  return sockets;
}
