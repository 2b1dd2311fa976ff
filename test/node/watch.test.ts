import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { createLines } from "../../src/node/api/lines.ts";
import { until } from "../support/processes.ts";
import { type Client, connectTo, errorOf, serve, serveBytes } from "./loopback-api.ts";

/** A watch that is open, with the server's end of it. */
async function openWatch(t: TestContext): Promise<{ client: Client; response: ServerResponse }> {
  let response: ServerResponse | undefined;
  const { port } = await serve(t, (_, it) => {
    it.flushHeaders();
    response = it;
  });
  const client = connectTo(t, port);
  client.watch();
  await until(() => client.reports.length > 0, "opened");
  assert.deepEqual(client.reports, [{ type: "opened", id: "watch" }]);
  return { client, response: response! };
}

function linesOf({ reports }: Client): string[] {
  return reports.flatMap((it) => (it.type === "line" ? [it.text] : []));
}

test("N23 watch() reports lines however they are cut into chunks", async (t) => {
  const { client, response } = await openWatch(t);
  const bytes = Buffer.from('{"a":"é"}\n{"b":2}\n\n{"c":3}\n');
  for (const byte of bytes) response.write(Buffer.from([byte]));
  response.end();
  assert.deepEqual(await client.last("watch"), { type: "ended", id: "watch" });
  assert.deepEqual(linesOf(client), ['{"a":"é"}', '{"b":2}', "", '{"c":3}']);
});

test("N23 watch() has no time limit once it is open", async (t) => {
  const { port } = await serve(t, (_, response) => {
    response.flushHeaders();
    setTimeout(() => response.end("late\n"), 300);
  });
  const client = connectTo(t, port);
  client.watch({ timeoutMs: 200 });
  assert.deepEqual(await client.last("watch"), { type: "ended", id: "watch" });
  assert.deepEqual(linesOf(client), ["late"]);
});

test("N23 watch() is unanswered when it does not open in time", async (t) => {
  const { port } = await serve(t, () => {});
  const client = connectTo(t, port);
  client.watch({ timeoutMs: 100 });
  assert.match(errorOf(await client.last("watch")), /^ETIMEDOUT .* within 100 ms$/u);
  assert.equal(client.reports.length, 1);
});

test("N23 watch() ends with an error after a reset and within a line", async (t) => {
  const reset = await openWatch(t);
  reset.response.write("whole\n");
  await until(() => linesOf(reset.client).length === 1, "a line");
  reset.response.socket?.destroy();
  assert.match(errorOf(await reset.client.last("watch")), /^ECONNRESET 127/u);
  const cut = await openWatch(t);
  cut.response.end("half a li");
  assert.match(errorOf(await cut.client.last("watch")), /within a line/u);
});

test("watch() ends with an error at a line of more than 1 MiB", async (t) => {
  const { client, response } = await openWatch(t);
  response.write(`${"x".repeat(1024 * 1024)}\n`);
  await until(() => linesOf(client).length === 1, "the longest line");
  response.write("x".repeat(1024 * 1024 + 1));
  assert.match(errorOf(await client.last("watch")), /longer than 1048576 bytes/u);
  await until(() => response.destroyed, "the connection is closed");
});

test("N23 watch() passes a refusal on, cut at 64 KiB", async (t) => {
  const { port } = await serve(t, (_, response) => {
    response.writeHead(410).end("x".repeat(1024 * 1024));
  });
  const client = connectTo(t, port);
  client.watch();
  const report = await client.last("watch");
  assert.ok(report.type === "answered");
  assert.equal(report.status, 410);
  assert.equal(report.body.length, 65_536);
  assert.equal(client.reports.length, 1);
});

test("N14 watch() tells the credentials about a 401", async (t) => {
  const { port } = await serve(t, (_, response) => response.writeHead(401).end());
  const client = connectTo(t, port);
  client.watch();
  assert.equal((await client.last("watch")).type, "answered");
  assert.equal(client.refusals(), 1);
});

test("watch() has a connection of its own", async (t) => {
  const { port, sockets } = await serve(t, ({ url }, response) => {
    if (url === "/watch") response.flushHeaders();
    else response.end("{}");
  });
  const client = connectTo(t, port);
  await client.ask();
  client.watch();
  await until(() => client.reports.some(({ type }) => type === "opened"), "opened");
  await client.ask();
  assert.equal(sockets.length, 2);
});

test("abandon() of a watch reports no further line, not even of the same chunk", async (t) => {
  const { port } = await serveBytes(t, (socket) => {
    socket.once("data", () => {
      const lines = Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join("");
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${lines.length}\r\n\r\n${lines}`);
    });
  });
  const client = connectTo(t, port, {
    onReport(): void {
      if (linesOf(client).length === 3) client.api.abandon("watch");
    },
  });
  client.watch();
  await until(() => linesOf(client).length === 3, "three lines");
  assert.equal((await client.ask()).type, "answered");
  assert.equal(linesOf(client).length, 3);
});

test("createLines() takes time in proportion to the bytes", () => {
  const lines = createLines(1024 * 1024);
  const byte = Buffer.from("x");
  for (let i = 0; i < 1024 * 1024; i += 1) assert.equal(lines.split(byte).next().done, true);
  assert.equal(lines.split(Buffer.from("\n")).next().value?.length, 1024 * 1024);
  assert.equal(lines.isInLine(), false);
});
