/** That no secret enters the program, and that what it decides is the same without. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { step } from "../../src/core/program.ts";
import type { Report } from "../../src/core/protocol.ts";
import { redact, redactFacts, redactReport } from "../../src/core/redact.ts";
import { leaseText } from "./leases.ts";
import { forEveryStep } from "./lives.ts";

const token = "Vq7-opaque.token/of+the=pod";
const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwb2QifQ.c2lnbmF0dXJl";

/** What stands around a secret `§` in texts of others, and what has to be left of it. */
const places: readonly (readonly [text: string, left: string])[] = [
  ["Authorization: Bearer §", "Authorization: "],
  ['{"authorization":["Bearer §"]}', "authorization"],
  ["upstream said: bearer § is not known", "is not known"],
  ["proxy: Basic §", "proxy: Basic "],
  ["connect to https://name:§@10.0.0.1:6443/apis failed", "@10.0.0.1:6443/apis failed"],
  ["connect to https://§@10.0.0.1 failed", "@10.0.0.1 failed"],
  ["GET /login?password=§&x=1", "&x=1"],
  ["token=§; retry", "; retry"],
  ['{"access_token":"§","code":3}', '"code":3'],
  ["{'client-secret': '§'}", "client-secret"],
  ["  password: §", "password: "],
  ['user: {token: "§"}', "token: "],
  ["client-key-data: §", "client-key-data: "],
  ["Cookie: a=b; session=§", "Cookie: "],
  ["API_KEY=§", "API_KEY="],
  ["key -----BEGIN RSA PRIVATE KEY-----\n§\n-----END RSA PRIVATE KEY----- end", " end"],
];

for (const [text, left] of places) {
  test(`redact() without being told: ${text.replace(/\s+/g, " ")}`, () => {
    const secret = "s3cr3tS3cr3t";
    const clean = redact(text.replace("§", secret));
    assert.ok(!clean.includes(secret), clean);
    assert.ok(clean.includes(left), clean);
    assert.ok(clean.includes("<redacted>"), clean);
  });
}

test("redact() finds JSON Web Tokens, wherever they stand", () => {
  for (const text of [jwt, `x${jwt}`, `"${jwt}"`, `jwt:${jwt}.`, jwt.slice(0, 30)]) {
    const clean = redact(`denied for ${text} by rule`);
    assert.ok(!clean.includes("eyJ"), clean);
    assert.match(clean, /^denied for .*<token>.* by rule$/);
  }
});

test("redact() finds the secrets it is told, also percent-encoded and cut", () => {
  const encoded = encodeURIComponent(token);
  for (const text of [token, `${token}${token}`, encoded, token.slice(0, 20), token.slice(0, 14)]) {
    const clean = redact(`it was ${text} there`, [token]);
    assert.match(clean, /^it was (?:<redacted>)+ there$/);
  }
  assert.equal(redact("hunter2 hunter", ["hunter2"]), "<redacted> hunter");
});

test("redact() leaves ordinary complaints alone", () => {
  for (const text of [
    'leases.coordination.k8s.io "demo" is forbidden: User "a" cannot get resource "leases"',
    "invalid bearer token, service account token has expired",
    "401: Unauthorized: the API server does not accept our token",
    "ERR_TLS_CERT_ALTNAME_INVALID 10.0.0.1:443: Host: api. is not in the cert's altnames",
    'secrets "demo" not found',
    'Cannot start "/etc/passwd": it is not executable (EACCES)',
    "/etc/passwd: Permission denied, /run/token=x",
    "Cannot read /run/secrets/token: ENOENT, no service account is mounted",
    "Cannot use /run/secrets/serviceaccount/token: incomprehensible",
    "connect ECONNREFUSED https://10.0.0.1:6443/api?x=a@b",
    "basic authentication is off, key=value",
  ]) {
    assert.equal(redact(text, [token, "", "abc"]), text);
  }
});

test("redact() takes a time that is linear in the text", () => {
  const parts = [
    "eyJ-",
    "eyJaaaaaa",
    "token",
    "password =",
    "a://",
    "bearer ",
    "basic",
    "-----BEGIN ",
  ];
  for (const part of [
    ...parts,
    "cookie:",
    "'",
    '"',
    "secret:'",
    " ",
    "a",
    "a.",
    "Vq7-opaque.tok",
  ]) {
    const text = part.repeat(300_000 / part.length);
    const startedAt = performance.now();
    redact(text, [token]);
    const ms = performance.now() - startedAt;
    // Quadratic is a minute and more; linear is some 10 ms.
    assert.ok(ms < 3000, `${part}: ${ms} ms`);
  }
});

function answered(status: number, body: string): Report {
  return { type: "answered", id: "lease-1", status, body };
}

/** What of that report reaches the program, as text. */
function left(report: Report): string {
  return JSON.stringify(redactReport(report, [token]));
}

test("redactReport() leaves Leases, Endpoints and their events as they are", () => {
  const annotated = { metadata: { annotations: { "last-applied": `password=${token}` } } };
  const lease = leaseText({ holder: "b", version: "7", ...annotated });
  const endpoints = '{ "kind":"Endpoints", "metadata":{"uid":"u","resourceVersion":"1"} }';
  const event = `{"type":"MODIFIED","object":${lease}}`;
  const reports: readonly Report[] = [
    answered(200, lease),
    answered(201, endpoints),
    { type: "line", id: "watch-1", text: event },
  ];
  for (const report of reports) assert.deepEqual(redactReport(report, [token]), report);
});

test("redactReport() tells another object by its kind alone", () => {
  const secret = '{"kind":"Secret","metadata":{"name":"n"},"data":{"a":"c2VjcmV0"},"message":5}';
  assert.deepEqual(redactReport(answered(200, secret), []), {
    ...answered(200, '{"kind":"Secret","metadata":{}}'),
  });
  assert.deepEqual(redactReport(answered(200, `<b>${token}</b>`), []), answered(200, ""));
  const text = `{"type":"ADDED","object":${secret}}`;
  assert.ok(!left({ type: "line", id: "watch-1", text }).includes("c2Vj"));
});

test("redactReport() keeps of a refusal what it says, in at most 1 kB", () => {
  const status = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: `no: Bearer ${token}${" because".repeat(1000)}`,
    reason: "Forbidden",
    details: { causes: [{ message: token }] },
    code: 403,
  };
  const report = redactReport(answered(403, JSON.stringify(status)), [token]);
  assert.ok(report.type === "answered" && report.body.length < 1200);
  const { message, ...rest } = JSON.parse(report.body) as Record<string, unknown>;
  assert.match(String(message), /^no: Bearer <redacted> because because/);
  assert.deepEqual(rest, { kind: "Status", reason: "Forbidden", code: 403, metadata: {} });
  const page = `<html>your request: ${token}</html>${"<br>".repeat(1000)}`;
  const cut = redactReport(answered(502, page), [token]);
  assert.ok(cut.type === "answered" && cut.body.length === 1000);
  assert.match(cut.body, /^<html>your request: <redacted><\/html>/);
});

test("redactReport() leaves no secret in any text of a report", () => {
  const text = `broken by ${token}`;
  const reports: readonly Report[] = [
    answered(401, JSON.stringify({ message: text })),
    answered(500, JSON.stringify({ headers: { authorization: `Bearer ${token}` } })),
    answered(200, JSON.stringify({ kind: text, message: text })),
    { type: "unanswered", id: "lease-1", error: text },
    {
      type: "line",
      id: "watch-1",
      text: JSON.stringify({ type: text, object: { message: text } }),
    },
    { type: "line", id: "watch-1", text },
    { type: "ended", id: "watch-1", error: text },
    { type: "guardLost", message: text },
    { type: "startFailed", errno: "ENOENT", message: text },
    { type: "listenFailed", message: text },
    { type: "probed", id: "probe-1", ok: false, detail: text },
    { type: "becomeFailed", errno: "ENOENT", message: text },
    { type: "asked", id: "asked-1", method: "GET", path: `/${token}?q=${token}` },
    { type: "asked", id: "asked-1", method: "GET", path: "/?session=abcdefgh-secret" },
  ];
  for (const report of reports) {
    const clean = left(report);
    assert.ok(!/Vq7|the=pod|abcdefgh/.test(clean), clean);
    assert.equal(redactReport(report, [token]).type, report.type);
  }
});

test("redactFacts() cleans what the host says, and keeps the settings", () => {
  const facts = {
    seed: 1,
    incarnation: "a",
    variables: { K8S_AWAIT_ELECTION_NAME: "token=a" },
    hasCommand: true,
    commandProblem: { errno: "ENOENT", message: `Cannot find "curl -H 'Cookie: ${token}'"` },
    hostName: "h",
    isPid1: true,
    abilities: { treeDiesWithHost: true, reapsOrphans: false, soleHolder: false },
    apiProblem: `Cannot use it: ${jwt}`,
  };
  const clean = redactFacts(facts);
  assert.deepEqual(clean.variables, facts.variables);
  assert.equal(clean.apiProblem, "Cannot use it: <token>");
  assert.ok(!clean.commandProblem!.message.includes(token));
  const { commandProblem: _, apiProblem: __, ...plain } = facts;
  assert.deepEqual(redactFacts(plain), plain);
});

test("redactReport() changes nothing of what the program decides", () => {
  let changed = 0;
  forEveryStep(
    () =>
      ({ before, report, now, puppet: { program, orders } }) => {
        const clean = redactReport(report, []);
        if (JSON.stringify(clean) !== JSON.stringify(report)) changed += 1;
        assert.deepEqual(step(before, clean, now), [program, ...orders]);
      },
    200,
  );
  assert.ok(changed > 5, `only ${changed} reports were changed`);
});

test("redactReport() takes whatever a server may send", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.jsonValue(),
      fc.nat(599),
      (text, json, status) => {
        for (const body of [text, JSON.stringify(json), `{"kind":${JSON.stringify(json)}}`]) {
          const report = redactReport(answered(status, body), [text]);
          assert.deepEqual(JSON.parse(JSON.stringify(report)), report);
          redactReport({ type: "line", id: "watch-1", text: body }, [text]);
        }
      },
    ),
  );
});
