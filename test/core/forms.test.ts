import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  dnsLabel,
  dnsName,
  ipAddresses,
  listenAddress,
  portsJson,
  probeTarget,
  zoneText,
} from "../../src/core/forms.ts";

const tcp = { port: 80, protocol: "TCP" };

const goodPorts: readonly (readonly [json: string, value: unknown])[] = [
  ["[]", []],
  ['[{"port":80}]', [tcp]],
  ['[{"name":"","port":80,"protocol":"TCP"}]', [tcp]],
  [
    '[{"name":"a","port":1,"protocol":"UDP"},{"name":"b","port":65535,"protocol":"SCTP"}]',
    [
      { name: "a", port: 1, protocol: "UDP" },
      { name: "b", port: 65_535, protocol: "SCTP" },
    ],
  ],
  ['[{"port":80,"appProtocol":"h2c"}]', [{ ...tcp, appProtocol: "h2c" }]],
  [' [ { "port" : 80 , "targetPort" : "http", "nodePort": 1 } ] ', [tcp]],
];

for (const [json, value] of goodPorts) {
  test(`portsJson takes ${json}`, () => assert.deepEqual(portsJson.read(json), value));
}

for (const json of [
  "",
  "80",
  "null",
  "{}",
  '{"port":80}',
  "[80]",
  "[null]",
  "[[]]",
  "[{}]",
  '[{"port":"80"}]',
  '[{"port":0}]',
  '[{"port":65536}]',
  '[{"port":80.5}]',
  '[{"port":1e400}]',
  '[{"port":80,"protocol":"tcp"}]',
  '[{"port":80,"protocol":6}]',
  '[{"port":80,"name":7}]',
  '[{"port":80},{"port":81}]',
  '[{"name":"a","port":80},{"port":81}]',
  '[{"port":80}',
  "[".repeat(100_000),
]) {
  test(`portsJson refuses ${json.slice(0, 40)}`, () => {
    assert.equal(portsJson.read(json), undefined);
  });
}

const targets: readonly (readonly [text: string, value: unknown])[] = [
  ["http://127.0.0.1:8080/healthz", { host: "127.0.0.1", port: 8080, path: "/healthz" }],
  ["http://localhost", { host: "localhost", port: 80, path: "/" }],
  ["http://[fd00::1]:81/a?b=c&d=%20", { host: "fd00::1", port: 81, path: "/a?b=c&d=%20" }],
  ["tcp://127.0.0.1:5432", { host: "127.0.0.1", port: 5432 }],
  ["tcp://[::1]:5432", { host: "::1", port: 5432 }],
  ["tcp://db_1.svc:65535", { host: "db_1.svc", port: 65_535 }],
  ["exec:/bin/check", { argv: ["/bin/check"] }],
  ["exec:check  --to  a:b 'c ", { argv: ["check", "--to", "a:b", "'c"] }],
];

for (const [text, value] of targets) {
  test(`probeTarget takes ${text}`, () => {
    const [by] = text.split(":");
    assert.deepEqual(probeTarget.read(text), { by, ...(value as object) });
  });
}

for (const text of [
  "",
  "8080",
  "/healthz",
  "127.0.0.1:8080",
  "https://127.0.0.1:8443/",
  "http://",
  "http:///healthz",
  "http://::1/",
  "http://[::1/",
  "http://[127.0.0.1]/",
  "http://[:::1]/",
  "http://a:0/",
  "http://a:65536/",
  "http://a:080000/",
  "http://me@a/",
  "http://me:secret@a/",
  "http://a/x y",
  "http://a/#x",
  "http://a/é",
  "http://a/\r\nX: y",
  "http://a?x",
  "HTTP://a/",
  "tcp://a",
  "tcp://a:1/",
  "tcp://:1",
  "exec:",
  "exec:  ",
  "exec:/bin/check\n",
  "exec:/bin/check\u0000",
  "udp://a:1",
]) {
  test(`probeTarget refuses ${JSON.stringify(text)}`, () => {
    assert.equal(probeTarget.read(text), undefined);
  });
}

for (const [text, value] of [
  [":9999", { port: 9999 }],
  ["127.0.0.1:9999", { host: "127.0.0.1", port: 9999 }],
  ["localhost:1", { host: "localhost", port: 1 }],
  ["[::]:9999", { host: "::", port: 9999 }],
  ["[::1]:65535", { host: "::1", port: 65_535 }],
  ["[fe80::1%eth0]:80", { host: "fe80::1%eth0", port: 80 }],
] as const) {
  test(`listenAddress takes ${text}`, () => assert.deepEqual(listenAddress.read(text), value));
}

for (const text of [
  "9999",
  ":0",
  ":65536",
  ":http",
  ": 80",
  "::80",
  "::1:80",
  "[::1]",
  "[]:80",
  "[not an address]:80",
  "a b:80",
  "http://a:80",
  "\u0001:80",
  ":80\n",
]) {
  test(`listenAddress refuses ${JSON.stringify(text)}`, () => {
    assert.equal(listenAddress.read(text), undefined);
  });
}

for (const text of [
  "10.1.2.3",
  "255.255.255.255",
  "::",
  "::1",
  "fd00::7",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7::",
  "::ffff:10.1.2.3",
  "1:2:3:4:5:6:1.2.3.4",
  "FD00::A",
]) {
  test(`ipAddresses takes ${text}`, () => assert.deepEqual(ipAddresses.read(text), [text]));
}

for (const text of [
  "",
  "10.1.2",
  "10.1.2.3.4",
  "10.1.2.256",
  "010.1.2.3",
  "10.1.2.3/24",
  "10.1.2.3,10.1.2.4",
  "fd00::7,fd00::8",
  "10.1.2.3,fd00::7,10.1.2.4",
  "10.1.2.3, fd00::7",
  "10.1.2.3,",
  " 10.1.2.3",
  "10.1.2.3\n",
  "1::2::3",
  "1:2:3:4:5:6:7:8::",
  "1:2:3:4:5:6:7",
  ":1:2:3:4:5:6:7:8",
  ":::",
  "fe80::1%eth0",
  "[::1]",
  "1.2.3.4::",
  "::1.2.3.4:5",
  "12345::",
  "host",
]) {
  test(`ipAddresses refuses ${JSON.stringify(text)}`, () => {
    assert.equal(ipAddresses.read(text), undefined);
  });
}

test("ipAddresses takes one of each family, in the order given", () => {
  for (const ips of [
    ["10.1.2.3", "fd00::7"],
    ["fd00::7", "10.1.2.3"],
  ]) {
    assert.deepEqual(ipAddresses.read(ips.join()), ips);
  }
});

test("zoneText takes what a label of a node can say", () => {
  for (const text of ["eu-west-1a", "Z", "a_b.c", "a".repeat(63)]) {
    assert.equal(zoneText.read(text), text);
  }
  for (const text of ["-a", "a-", "a b", "a/b", "a".repeat(64), "a\n"]) {
    assert.equal(zoneText.read(text), undefined, JSON.stringify(text));
  }
});

test("ipAddresses takes what Node takes for an address, but no zone", () => {
  const part = fc.constantFrom(
    "0",
    "1",
    "ffff",
    "255",
    "256",
    "01",
    "1.2.3.4",
    ":",
    "::",
    ".",
    "g",
  );
  const text = fc.oneof(
    fc.array(part, { maxLength: 12 }).map((parts) => parts.join("")),
    fc.array(part, { maxLength: 9 }).map((parts) => parts.join(":")),
    fc.ipV4(),
    fc.ipV6(),
  );
  fc.assert(
    fc.property(text, (address) => {
      assert.equal(ipAddresses.read(address) !== undefined, isIP(address) !== 0, address);
    }),
    { numRuns: 3000 },
  );
});

test("dnsLabel and dnsName keep to their lengths and characters", () => {
  assert.ok(dnsLabel.read("a".repeat(63)) && !dnsLabel.read("a".repeat(64)));
  assert.ok(dnsName.read(`${"a.".repeat(126)}b`) && !dnsName.read(`${"a.".repeat(126)}bc`));
  for (const text of ["-a", "a-", "A", "a_b", "a/b", "ä", "a\n", "a\u0000"]) {
    assert.equal(dnsLabel.read(text), undefined, JSON.stringify(text));
    assert.equal(dnsName.read(text), undefined, JSON.stringify(text));
  }
  for (const text of [".a", "a.", "a..b", "a.-b"]) assert.equal(dnsName.read(text), undefined);
  assert.equal(dnsLabel.read("a.b"), undefined);
});
