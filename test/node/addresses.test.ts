import assert from "node:assert/strict";
import { createServer as createPlainServer } from "node:net";
import { test } from "node:test";
import type { Resolve } from "../../src/node/api/addresses.ts";
import { connectTo, errorOf, open, serve } from "./loopback-api.ts";

/** What DNS answers, always the same. */
function resolveTo(...addresses: string[]): Resolve {
  return () => Promise.resolve(addresses);
}

test("N10 request() uses the other address within the same request", async (t) => {
  const dead = await open(t, createPlainServer(), { host: "127.0.0.3" });
  const { sockets } = await serve(t, (_, response) => response.end("{}"), {
    host: "127.0.0.2",
    port: dead.port,
  });
  const client = connectTo(t, dead.port, {
    host: "localhost",
    resolve: resolveTo("127.0.0.3", "127.0.0.2"),
  });
  assert.equal((await client.ask({ timeoutMs: 4000 })).type, "answered");
  // The one that failed comes last now.
  assert.equal((await client.ask({ timeoutMs: 4000, fresh: true })).type, "answered");
  assert.equal(sockets.length, 2);
});

test("request() L6 goes to another address when it has to be fresh", async (t) => {
  const first = await serve(t, (_, response) => response.end("1"), { host: "127.0.0.2" });
  const { port } = first;
  await serve(t, (_, response) => response.end("2"), { host: "127.0.0.3", port });
  const client = connectTo(t, port, {
    host: "localhost",
    resolve: resolveTo("127.0.0.2", "127.0.0.3"),
  });
  const bodies: unknown[] = [];
  for (let i = 0; i < 4; i += 1) {
    const report = await client.ask({ fresh: true });
    bodies.push(report.type === "answered" && report.body);
  }
  assert.deepEqual(bodies, ["1", "2", "1", "2"]);
});

test("request() L6 goes to another address after an exchange failed on one", async (t) => {
  const first = await serve(t, (request) => request.socket.destroy(), { host: "127.0.0.2" });
  const { port } = first;
  await serve(t, (_, response) => response.end("2"), { host: "127.0.0.3", port });
  const client = connectTo(t, port, {
    host: "localhost",
    resolve: resolveTo("127.0.0.2", "127.0.0.3"),
  });
  assert.equal((await client.ask()).type, "unanswered");
  assert.equal((await client.ask()).type, "answered");
});

test("N11 request() keeps the last good address when DNS fails, lies or is silent", async (t) => {
  const { port } = await serve(t, (_, response) => response.end("{}"));
  const answers: (() => Promise<string[]>)[] = [
    () => Promise.resolve(["127.0.0.1"]),
    () => Promise.reject(new Error("ENOTFOUND")),
    () => Promise.resolve(["127.0.0.9"]),
    () => new Promise(() => {}),
  ];
  const resolve = () => answers.shift()!();
  const client = connectTo(t, port, { host: "localhost", resolve });
  for (let i = 0; i < 4; i += 1) {
    assert.equal((await client.ask({ fresh: true, timeoutMs: 3000 })).type, "answered");
  }
  assert.deepEqual(answers, []);
});

test("N11 request() says what DNS said when no address is known", async (t) => {
  const error = Object.assign(new Error("getaddrinfo ENOTFOUND x"), { code: "ENOTFOUND" });
  const client = connectTo(t, 1, { host: "x", resolve: () => Promise.reject(error) });
  assert.match(errorOf(await client.ask()), /ENOTFOUND/u);
});
