import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import type { Report } from "../../src/core/protocol.ts";
import { createListener, type Listener } from "../../src/node/listener.ts";
import { until } from "../support/processes.ts";

interface Served {
  readonly listener: Listener;
  readonly port: number;
  readonly reports: Report[];
}

const ok = { status: 200, contentType: "text/plain; charset=utf-8", body: '{"status": "ok"}' };

/** A listener on a free port that replies at once, unless told not to. */
async function serve(t: TestContext, { silent = false } = {}): Promise<Served> {
  const reports: Report[] = [];
  const listener = createListener({
    report(report) {
      reports.push(report);
      if (report.type === "asked" && !silent)
        listener.reply({ type: "reply", id: report.id, ...ok });
    },
  });
  t.after(() => listener.close());
  const port = await freePort();
  listener.listen({ type: "listen", host: "127.0.0.1", port });
  await until(() => reports.length > 0, "listening");
  assert.deepEqual(reports, [{ type: "listening" }]);
  return { listener, port, reports };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function open(t: TestContext, port: number): Socket {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  return socket;
}

async function ask(t: TestContext, port: number, request: string): Promise<string> {
  const socket = open(t, port);
  socket.write(request);
  return text(socket);
}

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf("\r\n\r\n") + 4);
}

test("F6 reply() answers any method and path with the exact bytes", async (t) => {
  const { port, reports } = await serve(t);
  for (const method of ["GET", "POST", "DELETE", "OPTIONS", "PATCH"]) {
    const answer = await ask(t, port, `${method} /any?x=1 HTTP/1.1\r\nHost: h\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/u);
    assert.match(answer, /\r\nContent-Type: text\/plain; charset=utf-8\r\n/u);
    assert.match(answer, /\r\nContent-Length: 16\r\n/u);
    assert.doesNotMatch(answer, /\r\n(Server|X-Powered-By):/iu);
    assert.equal(bodyOf(answer), '{"status": "ok"}');
    assert.deepEqual(reports.at(-1), {
      type: "asked",
      id: `asked-${reports.length - 1}`,
      method,
      path: "/any?x=1",
    });
  }
});

test("F6 reply() sends no body for HEAD", async (t) => {
  const { port } = await serve(t);
  const answer = await ask(t, port, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  assert.match(answer, /\r\nContent-Length: 16\r\n/u);
  assert.equal(bodyOf(answer), "");
});

test("F6 reply() answers a POST without looking at its body", async (t) => {
  const { port } = await serve(t);
  const body = "x".repeat(1000);
  const head = `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`;
  assert.equal(bodyOf(await ask(t, port, head + body)), '{"status": "ok"}');
});

test("F6 listen() ends a body that does not end", async (t) => {
  const { port, listener, reports } = await serve(t);
  const socket = open(t, port);
  socket.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n");
  const closed = once(socket, "close");
  const drip = setInterval(() => socket.write("x".repeat(1000)), 10);
  t.after(() => clearInterval(drip));
  socket.resume();
  await closed;
  assert.equal(reports.filter(({ type }) => type === "asked").length, 1);
  listener.close();
});

test("F6 listen() refuses a header of 1 MB, HTTP/0.9 and noise", async (t) => {
  const { port, reports } = await serve(t);
  const long = `GET / HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(1024 * 1024)}\r\n\r\n`;
  for (const request of [long, "GET /\r\n", "\u0016\u0003\u0001garbage\r\n\r\n"]) {
    const socket = open(t, port);
    socket.resume();
    const closed = once(socket, "close");
    socket.write(request);
    await closed;
  }
  assert.deepEqual(reports, [{ type: "listening" }]);
});

test("F6 listen() asks the program once for many pipelined requests", async (t) => {
  const { port, reports } = await serve(t);
  const answer = await ask(t, port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1000));
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/u);
  assert.equal(reports.filter(({ type }) => type === "asked").length, 1);
});

test("F6 listen() answers among 500 clients that say nothing, and ends those", async (t) => {
  const { port } = await serve(t);
  const idle = Array.from({ length: 500 }, () => open(t, port));
  for (const socket of idle) {
    socket.write("GET / HTTP/1.1\r\nHost:");
    socket.resume();
  }
  await Promise.all(idle.map((socket) => once(socket, "connect")));
  assert.equal(bodyOf(await ask(t, port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")), ok.body);
  // Sooner than the time limit for headers ends them all.
  const stillOpen = () => idle.filter((socket) => !socket.closed).length;
  await until(() => stillOpen() <= 32, "all but 32 were ended to make room", 1500);
  await until(() => idle.every((socket) => socket.closed), "all idle clients are closed");
});

test("reply() is dropped when the client is gone or the id unknown", async (t) => {
  const { port, listener, reports } = await serve(t, { silent: true });
  const socket = open(t, port);
  socket.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  await until(() => reports.length === 2, "asked");
  socket.destroy();
  await once(socket, "close");
  listener.reply({ type: "reply", id: "asked-1", ...ok });
  listener.reply({ type: "reply", id: "asked-1", ...ok });
  listener.reply({ type: "reply", id: "asked-9", ...ok });
});

test("listen() closes a request that the program leaves without a reply", async (t) => {
  const { port } = await serve(t, { silent: true });
  assert.equal(await ask(t, port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "");
});

test("F6 listen() fails on a busy port, an impossible one and an unknown address", async (t) => {
  const { port } = await serve(t);
  for (const order of [
    { host: "127.0.0.1", port },
    { port: 70_000 },
    { host: "192.0.2.1", port },
  ]) {
    const reports: Report[] = [];
    const listener = createListener({ report: (report) => reports.push(report) });
    t.after(() => listener.close());
    listener.listen({ type: "listen", ...order });
    await until(() => reports.length > 0, "listenFailed");
    const [failed] = reports;
    assert.ok(failed?.type === "listenFailed");
    assert.match(
      failed.message,
      /^Cannot listen on .*: (EADDRINUSE|ERR_SOCKET_BAD_PORT|EADDRNOTAVAIL)$/u,
    );
  }
});

test("listen() serves anew after a new order", async (t) => {
  const { port, listener, reports } = await serve(t);
  listener.listen({ type: "listen", port });
  await until(() => reports.length > 1, "listening again");
  assert.equal(reports.at(-1)?.type, "listening");
  assert.equal(bodyOf(await ask(t, port, "GET / HTTP/1.0\r\n\r\n")), ok.body);
});
