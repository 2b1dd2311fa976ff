import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { openProxy, type Proxy } from "../../demo/proxy.ts";

/** A server that says everything back, behind a proxy. */
async function openEcho(t: TestContext): Promise<Proxy> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const proxy = await openProxy({ host: "127.0.0.1", port });
  t.after(() => {
    proxy.close();
    server.close();
  });
  return proxy;
}

async function open(t: TestContext, { port }: Proxy): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port }).setEncoding("utf8");
  t.after(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  return String((await once(socket, "data"))[0]);
}

test("openProxy() passes on what is said, both ways, and counts what came back", async (t) => {
  const proxy = await openEcho(t);
  assert.equal(await echo(await open(t, proxy), "hello"), "hello");
  assert.equal(proxy.answeredBytes, 5);
});

test("cut() is silent on old and on new connections, and breaks none of them", async (t) => {
  const proxy = await openEcho(t);
  const old = await open(t, proxy);
  assert.equal(await echo(old, "before"), "before");
  proxy.cut();
  const young = await open(t, proxy);
  const heard: unknown[] = [];
  for (const socket of [old, young]) {
    for (const event of ["data", "close", "error"]) socket.on(event, (it) => heard.push(it));
    socket.write("silent?");
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.deepEqual(heard, []);
});

test("heal() breaks what was silent, and new connections work", async (t) => {
  const proxy = await openEcho(t);
  const old = await open(t, proxy);
  assert.equal(await echo(old, "before"), "before");
  proxy.cut();
  const broken = once(old, "close");
  proxy.heal();
  await broken;
  assert.equal(await echo(await open(t, proxy), "again"), "again");
});
