import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { until } from "./processes.ts";
import { openProxy, type Proxy } from "./proxy.ts";

/** Long for what comes through a loopback interface, however busy the machine is. */
const silenceMs = 300;

/** A server that says everything back after its own name, and a proxy in front of it. */
async function openEcho(t: TestContext): Promise<{ proxy: Proxy; heard: string[] }> {
  const heard: string[] = [];
  const proxy = await openProxy(await echoServer(t, "", heard));
  t.after(() => proxy.close());
  return { proxy, heard };
}

async function echoServer(
  t: TestContext,
  name: string,
  heard: string[],
): Promise<{ host: string; port: number }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.setEncoding("utf8").on("data", (text: string) => {
      heard.push(text);
      socket.write(name + text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

interface Client {
  readonly socket: Socket;
  /** What it was told, and how it ended. */
  readonly told: string[];
  say(text: string): void;
  /** Says it and waits for this answer. */
  ask(text: string, answer?: string): Promise<void>;
}

async function open(t: TestContext, { port }: Proxy): Promise<Client> {
  const socket = connect({ host: "127.0.0.1", port }).setEncoding("utf8");
  t.after(() => socket.destroy());
  const told: string[] = [];
  socket.on("data", (text: string) => told.push(text));
  socket.on("error", (error: NodeJS.ErrnoException) => told.push(error.code ?? ""));
  socket.on("end", () => told.push("end"));
  await once(socket, "connect");
  const say = (text: string) => void socket.write(text);
  return {
    socket,
    told,
    say,
    async ask(text, answer = text) {
      const before = told.join("");
      say(text);
      await until(() => told.join("") === before + answer, `${answer} after ${before}`);
    },
  };
}

async function assertSilent(...clients: readonly Client[]): Promise<void> {
  const before = clients.map(({ told }) => told.length);
  for (const { socket } of clients) if (socket.writable) socket.write("?");
  await pause(silenceMs);
  assert.deepEqual(
    clients.map(({ told }) => told.length),
    before,
  );
}

function hasSockets(): boolean {
  return process.getActiveResourcesInfo().includes("TCPSocketWrap");
}

/** For how long nothing happens is the subject here. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

test("openProxy() passes on what is said, both ways, and counts", async (t) => {
  const { proxy } = await openEcho(t);
  const client = await open(t, proxy);
  await client.ask("hello");
  assert.equal(proxy.answeredBytes, 5);
  assert.equal(proxy.taken, 1);
  client.socket.end();
  await until(() => client.told.includes("end"), "the end comes through as well");
});

test("cut() is silent on old and new connections; heal() delivers what was held back", async (t) => {
  const { proxy, heard } = await openEcho(t);
  const old = await open(t, proxy);
  await old.ask("before");
  proxy.cut();
  assert.ok(proxy.isCut);
  const young = await open(t, proxy);
  await assertSilent(old, young);
  assert.deepEqual(heard, ["before"]);
  await proxy.heal();
  assert.ok(!proxy.isCut);
  await until(() => heard.length === 3, "both are heard late");
  await until(() => old.told.length === 2 && young.told.length === 1, "and answered");
});

test("heal() delivers also what was said by somebody who is gone", async (t) => {
  const { proxy, heard } = await openEcho(t);
  const client = await open(t, proxy);
  proxy.cut();
  client.say("late");
  client.socket.end();
  client.socket.destroySoon();
  await once(client.socket, "close");
  await proxy.heal();
  await until(() => heard.includes("late"), "it is heard");
});

test("cutAnswers() lets the server hear, and nobody hear the server", async (t) => {
  const { proxy, heard } = await openEcho(t);
  const client = await open(t, proxy);
  proxy.cutAnswers();
  client.say("one");
  await until(() => heard.length === 1, "it is heard");
  await assertSilent(client);
  await proxy.heal();
  await until(() => client.told.join("") === "one?", "the answers come late");
});

test("reset() resets old connections and new ones", async (t) => {
  const { proxy } = await openEcho(t);
  const old = await open(t, proxy);
  await old.ask("before");
  proxy.reset();
  await until(() => old.told.at(-1) === "ECONNRESET", "the old one is reset");
  const young = connect({ host: "127.0.0.1", port: proxy.port });
  const [error] = (await once(young, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNRESET");
  await proxy.heal();
  await (await open(t, proxy)).ask("again");
});

test("refuse() resets old connections and refuses new ones, and heal() listens again", async (t) => {
  const { proxy } = await openEcho(t);
  const old = await open(t, proxy);
  await old.ask("before");
  proxy.refuse();
  await until(() => old.told.at(-1) === "ECONNRESET", "the old one is reset");
  await assert.rejects(open(t, proxy), /ECONNREFUSED/);
  await proxy.heal();
  await (await open(t, proxy)).ask("again");
});

test("delay() keeps every byte back for as long, each way", async (t) => {
  const { proxy, heard } = await openEcho(t);
  const client = await open(t, proxy);
  for (const [ms, heardMs] of [
    [{ requests: 200 }, 200],
    [{ answers: 200 }, 0],
  ] as const) {
    proxy.delay(ms);
    const startedAt = performance.now();
    const count = heard.length;
    const asked = client.ask("x");
    await until(() => heard.length > count, "it is heard");
    assert.ok(performance.now() - startedAt >= heardMs);
    await asked;
    assert.ok(performance.now() - startedAt >= 200);
  }
});

test("drip() lets one byte through at a time", async (t) => {
  const { proxy } = await openEcho(t);
  const client = await open(t, proxy);
  proxy.drip(20);
  const startedAt = performance.now();
  await client.ask("sixteen letters!");
  assert.ok(performance.now() - startedAt >= 15 * 20);
  assert.ok(client.told.length > 8, "it came in pieces");
  proxy.drip(0);
  await client.ask("slices");
});

test("halfOpen() takes connections and leads nowhere until they are reset", async (t) => {
  const { proxy, heard } = await openEcho(t);
  const old = await open(t, proxy);
  await old.ask("before");
  proxy.halfOpen();
  const young = await open(t, proxy);
  await assertSilent(old, young);
  await proxy.heal();
  await until(() => [old, young].every(({ told }) => told.at(-1) === "ECONNRESET"), "both reset");
  assert.deepEqual(heard, ["before"]);
});

test("forgetIdle() drops a connection that was silent, and no other", async (t) => {
  const { proxy } = await openEcho(t);
  const [idle, busy] = [await open(t, proxy), await open(t, proxy)];
  await idle.ask("before");
  proxy.forgetIdle(1500);
  for (let at = 0; at < 12; at += 1) {
    await busy.ask("busy");
    await pause(150);
  }
  await assertSilent(idle);
  await busy.ask("still");
  await (await open(t, proxy)).ask("again");
});

test("turnTo() leads new connections elsewhere", async (t) => {
  const { proxy } = await openEcho(t);
  const old = await open(t, proxy);
  await old.ask("before");
  proxy.turnTo(await echoServer(t, "other: ", []));
  await until(() => old.told.at(-1) === "ECONNRESET", "the old one is reset");
  await (await open(t, proxy)).ask("hello", "other: hello");
});

test("close() ends a connection also in the tick in which its end comes through", async (t) => {
  const { proxy } = await openEcho(t);
  const { socket } = await open(t, proxy);
  const end: (this: Socket) => Socket = Reflect.get(Socket.prototype, "end");
  t.mock.method(Socket.prototype, "end", function endAndClose(this: Socket): Socket {
    end.call(this);
    if (this !== socket) proxy.close();
    return this;
  });
  socket.end();
  await until(() => !hasSockets(), "nothing is left");
});
