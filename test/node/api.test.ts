import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createPlainServer } from "node:net";
import { test } from "node:test";
import { version } from "../../src/node/version.ts";
import { until } from "../support/processes.ts";
import { authority, connectTo, errorOf, open, serve, serveBytes, token } from "./loopback-api.ts";

test("request() sends token, media types and body, and reports the answer", async (t) => {
  const seen: unknown[] = [];
  const { port } = await serve(t, (request, response) => {
    const { method, url, headers } = request;
    request.setEncoding("utf8").on("data", (body: string) => seen.push(body));
    request.on("end", () => response.writeHead(201).end('{"kind":"Lease"}'));
    seen.push(method, url, headers);
  });
  const client = connectTo(t, port);
  const report = await client.ask({
    id: "r",
    method: "POST",
    path: "/leases?x=1",
    body: '{"é":1}',
  });
  assert.deepEqual(report, { type: "answered", id: "r", status: 201, body: '{"kind":"Lease"}' });
  assert.deepEqual(seen, [
    "POST",
    "/leases?x=1",
    {
      host: `127.0.0.1:${port}`,
      accept: "application/json",
      "user-agent": `k8s-await-election/${version}`,
      "content-type": "application/json",
      "content-length": "8",
      authorization: `Bearer ${token}`,
      connection: "keep-alive",
    },
    '{"é":1}',
  ]);
});

test("request() sends the content type that a PATCH is given", async (t) => {
  const { port } = await serve(t, ({ method, headers }, response) => {
    response.end(JSON.stringify([method, headers["content-type"]]));
  });
  const contentType = "application/merge-patch+json";
  const order = { id: "r", method: "PATCH", body: "{}", contentType } as const;
  const report = await connectTo(t, port).ask(order);
  const body = JSON.stringify(["PATCH", contentType]);
  assert.deepEqual(report, { type: "answered", id: "r", status: 200, body });
});

test("version is that of the package", () => {
  const file = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  assert.equal(version, (JSON.parse(file) as { version: string }).version);
});

test("request() keeps one connection, and takes a new one when told", async (t) => {
  const { port, sockets } = await serve(t, (_, response) => response.end("{}"));
  const client = connectTo(t, port);
  for (let i = 0; i < 5; i += 1) await client.ask();
  assert.equal(sockets.length, 1);
  await client.ask({ fresh: true });
  assert.equal(sockets.length, 2);
  await until(() => sockets[0]!.destroyed, "the old connection is closed");
  await client.ask();
  assert.equal(sockets.length, 2);
});

test("request() does not wait for another one that hangs", async (t) => {
  const { port } = await serve(t, ({ url }, response) => {
    if (url !== "/silence") response.end("{}");
  });
  const client = connectTo(t, port);
  for (const id of ["a", "b", "c"]) void client.ask({ id, path: "/silence" }).catch(() => {});
  assert.equal((await client.ask({ id: "d", fresh: true })).type, "answered");
});

test("N18 request() passes on Retry-After when it is a number of seconds", async (t) => {
  const { port } = await serve(t, ({ url = "" }, response) => {
    response.writeHead(429, { "Retry-After": decodeURIComponent(url.slice(1)) }).end();
  });
  const client = connectTo(t, port);
  const table = {
    "0": 0,
    "1": 1000,
    "30": 30_000,
    abc: undefined,
    "-1": undefined,
    "1.5": undefined,
  };
  for (const [value, expected] of Object.entries(table)) {
    const report = await client.ask({ path: `/${encodeURIComponent(value)}` });
    assert.equal(report.type === "answered" && report.retryAfterMs, expected, value);
  }
  const date = await client.ask({ path: `/${encodeURIComponent(new Date().toUTCString())}` });
  assert.equal("retryAfterMs" in date, false);
});

test("N22 request() reports a redirect as it is and does not follow it", async (t) => {
  const other = await serve(t, (_, response) => response.end("stolen"));
  const { port } = await serve(t, (_, response) => {
    response.writeHead(307, { Location: `https://127.0.0.1:${other.port}/` }).end("see there");
  });
  const report = await connectTo(t, port).ask({ id: "r" });
  assert.deepEqual(report, { type: "answered", id: "r", status: 307, body: "see there" });
  assert.equal(other.sockets.length, 0);
});

test("N14 request() tells the credentials about a 401", async (t) => {
  const { port } = await serve(t, (_, response) => response.writeHead(401).end("{}"));
  const client = connectTo(t, port);
  await client.ask();
  assert.equal(client.refusals(), 1);
});

test("N7 request() is unanswered when the server accepts and says nothing", async (t) => {
  const { port } = await open(t, createPlainServer());
  const report = await connectTo(t, port).ask({ timeoutMs: 100 });
  assert.match(errorOf(report), /^ETIMEDOUT .*within 100 ms$/u);
});

test("N7 request() is unanswered when the server hears and says nothing", async (t) => {
  const { port } = await serve(t, () => {});
  const report = await connectTo(t, port).ask({ timeoutMs: 200 });
  assert.equal(errorOf(report), `ETIMEDOUT 127.0.0.1:${port}: no answer within 200 ms`);
});

test("N8 request() counts its time to the last byte of the body", async (t) => {
  const { port } = await serve(t, (_, response) => {
    response.writeHead(200, { "Content-Length": 1000 });
    const drip = setInterval(() => response.write("x"), 5);
    response.on("close", () => clearInterval(drip));
  });
  const report = await connectTo(t, port).ask({ timeoutMs: 200 });
  assert.equal(errorOf(report), `ETIMEDOUT 127.0.0.1:${port}: no complete answer within 200 ms`);
});

test("request() counts the time that the credentials take", async (t) => {
  const client = connectTo(t, 1, { server: () => new Promise(() => {}) });
  const report = await client.ask({ timeoutMs: 100 });
  assert.equal(errorOf(report), "ETIMEDOUT API server: no connection within 100 ms");
});

test("request() passes on why there are no credentials", async (t) => {
  const client = connectTo(t, 1, { server: () => Promise.reject(new Error("Cannot read token.")) });
  assert.equal(errorOf(await client.ask()), "Cannot read token.");
});

test("N2 request() is unanswered after a refusal and after a reset", async (t) => {
  const plain = createPlainServer();
  const { port } = await open(t, plain);
  plain.close();
  await once(plain, "close");
  assert.equal(errorOf(await connectTo(t, port).ask()), `ECONNREFUSED 127.0.0.1:${port}`);
  const rude = await serveBytes(t, (socket) => {
    socket.once("data", () => socket.destroy());
  });
  assert.match(errorOf(await connectTo(t, rude.port).ask()), /^ECONNRESET 127\.0\.0\.1:\d+/u);
});

for (const [method, type] of [
  ["GET", "answered"],
  ["PUT", "unanswered"],
] as const) {
  test(`N9 request() is ${type} for a ${method} on a connection that died unseen`, async (t) => {
    const { port, sockets } = await serveBytes(t, (socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        socket.once("data", () => socket.destroy());
      });
    });
    const client = connectTo(t, port);
    await client.ask();
    assert.equal((await client.ask({ method })).type, type);
    assert.equal(sockets.length, method === "GET" ? 2 : 1);
  });
}

const heads: Readonly<Record<string, [string, RegExp]>> = {
  "N20 garbage": ["garbage\r\n\r\n", /^HPE_INVALID_CONSTANT 127/u],
  "N20 a truncated body": ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", /^ECONNRESET 127/u],
  "N20 a truncated chunk": [
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}",
    /^ECONNRESET 127/u,
  ],
  "N22 headers without end": [
    `HTTP/1.1 200 OK\r\nX: ${"x".repeat(1024 * 1024)}\r\n\r\n`,
    /^HPE_HEADER_OVERFLOW 127/u,
  ],
  "N22 a flood of interim answers": ["HTTP/1.1 102 Processing\r\n\r\n".repeat(10_000), /interim/u],
  "N22 switching protocols": [
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    /127/u,
  ],
  "an empty answer": ["", /^ECONNRESET 127/u],
};

for (const [what, [bytes, expected]] of Object.entries(heads)) {
  test(`${what}: request() is unanswered`, async (t) => {
    const { port } = await serveBytes(t, (socket) => {
      socket.once("data", () => socket.end(bytes));
    });
    assert.match(errorOf(await connectTo(t, port).ask()), expected);
  });
}

test("N20 request() takes a body of 1 MiB and none that is longer", async (t) => {
  const { port } = await serve(t, ({ url }, response) => {
    response.end("x".repeat(1024 * 1024 + (url === "/more" ? 1 : 0)));
  });
  const client = connectTo(t, port);
  const whole = await client.ask();
  assert.equal(whole.type === "answered" && whole.body.length, 1024 * 1024);
  assert.match(errorOf(await client.ask({ path: "/more" })), /longer than 1048576 bytes/u);
});

test("N20 request() hangs up on a body without end", async (t) => {
  const { port, sockets } = await serve(t, (_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
    };
    response.on("drain", more);
    more();
  });
  assert.match(errorOf(await connectTo(t, port).ask()), /longer than/u);
  await until(() => sockets.every(({ destroyed }) => destroyed), "the connection is closed");
});

test("abandon() reports nothing more and closes the connection", async (t) => {
  const { port, sockets } = await serve(t, () => {});
  const client = connectTo(t, port);
  client.api.request({ type: "request", id: "a", method: "GET", path: "/", timeoutMs: 300 });
  await until(() => sockets.length === 1, "connected");
  client.api.abandon("a");
  client.api.abandon("a");
  client.api.abandon("unknown");
  await until(() => sockets[0]!.destroyed, "closed");
  assert.match(errorOf(await client.ask({ id: "b", timeoutMs: 300 })), /ETIMEDOUT/u);
  assert.deepEqual(
    client.reports.map((it) => "id" in it && it.id),
    ["b"],
  );
});

test("abandon() before the connection is there makes none", async (t) => {
  const { port, sockets } = await serve(t, (_, response) => response.end("{}"));
  const client = connectTo(t, port);
  client.api.request({ type: "request", id: "a", method: "GET", path: "/", timeoutMs: 5000 });
  client.api.abandon("a");
  assert.equal((await client.ask({ id: "b" })).type, "answered");
  assert.equal(client.reports.length, 1);
  assert.equal(sockets.length, 1);
});

test("close() abandons everything", async (t) => {
  const { port, sockets } = await serve(t, ({ url }, response) => {
    if (url === "/") response.end("{}");
  });
  const client = connectTo(t, port);
  await client.ask();
  client.api.request({ type: "request", id: "a", method: "GET", path: "/x", timeoutMs: 5000 });
  client.watch();
  await until(() => sockets.length === 2, "connected");
  client.api.close();
  await until(() => sockets.every(({ destroyed }) => destroyed), "closed");
  assert.equal(client.reports.length, 1);
});

test("request() works with IPv6 and with a path before all others", async (t) => {
  const seen: unknown[] = [];
  const { port } = await serve(
    t,
    ({ url, headers }, response) => {
      seen.push(url, headers.host);
      response.end("{}");
    },
    { host: "::1" },
  );
  const tls = { serverName: "::1", ca: authority.caPem };
  const target = { host: "::1", port, basePath: "/k8s/clusters/c", tls, headers: {} };
  const client = connectTo(t, port, { server: () => Promise.resolve(target) });
  assert.equal((await client.ask({ path: "/api" })).type, "answered");
  assert.deepEqual(seen, ["/k8s/clusters/c/api", `[::1]:${port}`]);
});
