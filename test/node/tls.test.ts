import assert from "node:assert/strict";
import { test } from "node:test";
import { createAuthority } from "../support/certificates.ts";
import { authority, certificate, connectTo, errorOf, serve, serveBytes } from "./loopback-api.ts";

const hourMs = 3_600_000;
const past = new Date(Date.now() - hourMs);

const stranger = await createAuthority({ name: "stranger" });
const bad = {
  "a wrong CA": await stranger.issue(),
  "a wrong address": await authority.issue({ addresses: ["192.0.2.1"], names: ["127.0.0.1"] }),
  "an expired certificate": await authority.issue({
    notBefore: new Date(Date.now() - 2 * hourMs),
    notAfter: past,
  }),
};

const codes: Readonly<Record<string, RegExp>> = {
  "a wrong CA": /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERT_SIGNATURE_FAILURE) 127/u,
  "a wrong address": /^ERR_TLS_CERT_ALTNAME_INVALID 127/u,
  "an expired certificate": /^CERT_HAS_EXPIRED 127/u,
};

for (const [what, wrong] of Object.entries(bad)) {
  for (const switchedOff of [false, true]) {
    const when = switchedOff ? " even with NODE_TLS_REJECT_UNAUTHORIZED=0" : "";
    test(`N12 request() sends nothing to ${what}${when}`, async (t) => {
      if (switchedOff) {
        process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
        t.after(() => delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"]);
      }
      const received: Buffer[] = [];
      const { port } = await serveBytes(
        t,
        (socket) => socket.on("data", (bytes) => received.push(bytes)),
        { certificate: wrong },
      );
      const client = connectTo(t, port);
      assert.match(errorOf(await client.ask()), codes[what]!);
      client.watch();
      assert.match(errorOf(await client.last("watch")), codes[what]!);
      assert.deepEqual(received, []);
    });
  }
}

test("N12 request() refuses TLS 1.1", async (t) => {
  const { port } = await serve(t, (_, response) => response.end("{}"), {
    minVersion: "TLSv1",
    maxVersion: "TLSv1.1",
    ciphers: "DEFAULT@SECLEVEL=0",
  });
  assert.match(errorOf(await connectTo(t, port).ask()), /^(ERR_SSL|EPROTO|ECONNRESET)\w* 127/u);
});

test("N12 request() works with TLS 1.2, and with a name instead of an address", async (t) => {
  let serverName: unknown;
  const { port } = await serve(
    t,
    ({ socket }, response) => {
      serverName = (socket as unknown as { servername: unknown }).servername;
      response.end("{}");
    },
    { maxVersion: "TLSv1.2" },
  );
  const client = connectTo(t, port, { host: "localhost" });
  assert.equal((await client.ask()).type, "answered");
  assert.equal(serverName, "localhost");
});

test("request() sends no address as server name", async (t) => {
  let serverName: unknown;
  const { port } = await serve(t, ({ socket }, response) => {
    serverName = (socket as unknown as { servername: unknown }).servername;
    response.end("{}");
  });
  assert.equal((await connectTo(t, port).ask()).type, "answered");
  assert.equal(serverName, false);
});

test("N13 request() takes a new connection when the CA has changed", async (t) => {
  const { port, sockets } = await serve(t, (_, response) => response.end("{}"), { certificate });
  let ca = authority.caPem;
  const server = () =>
    Promise.resolve({
      host: "127.0.0.1",
      port,
      basePath: "",
      tls: { serverName: "127.0.0.1", ca },
      headers: {},
    });
  const client = connectTo(t, port, { server });
  assert.equal((await client.ask()).type, "answered");
  ca = stranger.caPem;
  assert.match(errorOf(await client.ask()), codes["a wrong CA"]!);
  ca = `${stranger.caPem}\n${authority.caPem}`;
  assert.equal((await client.ask()).type, "answered");
  assert.equal(sockets.length, 3);
});

test("N12 request() trusts no certificate but those it was given", async (t) => {
  const { port } = await serve(t, (_, response) => response.end("{}"));
  assert.match(errorOf(await connectTo(t, port, { ca: stranger.caPem }).ask()), /^\w+ 127/u);
});

test("request() uses no proxy of the environment", async (t) => {
  const proxy = await serve(t, (_, response) => response.end("proxied"));
  for (const name of ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NODE_USE_ENV_PROXY"]) {
    process.env[name] = name.endsWith("ENV_PROXY") ? "1" : `http://127.0.0.1:${proxy.port}`;
    t.after(() => delete process.env[name]);
  }
  const { port } = await serve(t, (_, response) => response.end("{}"));
  const report = await connectTo(t, port).ask();
  assert.equal(report.type === "answered" && report.body, "{}");
  assert.equal(proxy.sockets.length, 0);
});
