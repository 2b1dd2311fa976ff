/**
 * Secrets planted wherever a process may meet some: none of them is in the recording, in the log or on
 * the status port. What another server says is at its worst, for it repeats what it was told.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { request, type ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { ApiRequest } from "../../src/api-server/requests.ts";
import { serveApi } from "../../src/api-server/serve.ts";
import { ApiStore } from "../../src/api-server/store.ts";
import { clusterEnvironment, mountServiceAccount } from "../cluster/pod-files.ts";
import { freePort } from "../cluster/server-processes.ts";
import { makeCertificates } from "../support/certificates.ts";
import { type Bin, isNodeHost, scratchFolder, startBin } from "./bin.ts";
import { calm } from "./cluster.ts";
import { rightSettings } from "./mistakes.ts";

/** What is searched for: each is its own, so that a failure says where it came from. */
const planted = {
  inToken: "Tk9-opaque.token/in+the=file",
  inEnvironment: "En4-password-of-a-database",
  inArgument: "Ar7-password-on-the-command-line",
  inCookie: "Ck2-session-of-a-proxy",
  inObject: "Ob3c2VjcmV0LWluLWFub3RoZXItb2JqZWN0",
  inUrl: "Ur8-password-in-a-url",
  inMessage: "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.c2lnbmF0dXJl",
  inQuestion: "Qu5-token-in-a-probe",
} as const;

/** Everything that the process has written, and what its status port has said. */
function assertNothingLeaked(folder: string, bin: Bin, answers: readonly string[] = []): void {
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
  assert.ok(texts.length > 0 && texts.every((text) => text.length > 100), "a recording");
  for (const [where, secret] of Object.entries(planted)) {
    // Half of a secret is one too.
    for (const part of [
      secret,
      secret.slice(0, 14),
      secret.slice(-14),
      encodeURIComponent(secret),
    ]) {
      for (const text of [...texts, bin.log.text, ...answers]) {
        const at = text.indexOf(part);
        assert.equal(at, -1, `${where}: ${text.slice(Math.max(0, at - 200), at + 100)}`);
      }
    }
  }
}

type Answer = (request: ApiRequest, response: ServerResponse) => void;

function json(status: number, bodyOf: (request: ApiRequest) => unknown): Answer {
  return (request, response) => {
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(bodyOf(request)));
  };
}

/** One after the other, the first answers that it gets. */
const hostile: readonly Answer[] = [
  json(401, ({ token }) => ({ kind: "Status", message: `not accepted: "Bearer ${token}"` })),
  json(500, ({ token, path }) => ({ echo: { path, authorization: [`Bearer ${token}`] } })),
  (request, response) => {
    response.writeHead(502, { "Content-Type": "text/html", Location: `/?${request.token}` });
    response.end(`<pre>Authorization: Bearer ${request.token}
Cookie: a=b; session=${planted.inCookie}</pre>${"<br>".repeat(2000)}${request.token}`);
  },
  json(503, ({ token }) => ({
    kind: "Status",
    message: `${"x".repeat(900)} dial https://user:${planted.inUrl}@10.0.0.9/?token=${token}: refused`,
  })),
  json(504, () => ({ message: `denied for ${planted.inMessage}`, details: planted.inObject })),
  json(200, ({ token }) => ({ headers: { authorization: `Bearer ${token}` } })),
  json(200, () => ({ kind: "Secret", metadata: {}, data: { password: planted.inObject } })),
  (_, response) => response.end(`${planted.inObject} and nothing else`),
  (_, response) => response.destroy(),
];

/** A watch that is refused, and one that ends with an error of its own. */
const hostileWatches: readonly Answer[] = [
  json(500, ({ token }) => ({ message: `no watch for ${token}` })),
  (request, response) => {
    const object = { kind: "Status", message: `expired: Bearer ${request.token}`, code: 410 };
    response.writeHead(200);
    response.write(`${JSON.stringify({ type: "ERROR", object })}\n`);
    const secret = { kind: "Secret", metadata: {}, data: { a: planted.inObject } };
    response.end(`${JSON.stringify({ type: "ADDED", object: secret })}\n`);
  },
];

async function openHostileServer(t: TestContext): Promise<{ port: number; caPem: string }> {
  const { caPem, certPem: cert, keyPem: key } = await makeCertificates();
  const left = { answers: [...hostile], watches: [...hostileWatches] };
  const api = await serveApi(new ApiStore(), {
    tls: { key, cert },
    intercept(request, response) {
      const answer = (request.path.includes("watch=") ? left.watches : left.answers).shift();
      answer?.(request, response);
      return answer !== undefined;
    },
  });
  t.after(() => api.close());
  return { port: api.port, caPem };
}

function ask(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${planted.inQuestion}` };
    request({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
      let text = JSON.stringify(response.headers);
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve(text));
    })
      .on("error", reject)
      .end();
  });
}

/** With a secret in every place of the environment that is not ours. */
function environment(folder: string): Record<string, string> {
  return {
    ...rightSettings,
    ...calm,
    K8S_AWAIT_ELECTION_RETRY_PERIOD: "1",
    K8S_AWAIT_ELECTION_LOG_LEVEL: "debug",
    K8S_AWAIT_ELECTION_RECORD: join(folder, "record.jsonl"),
    DATABASE_PASSWORD: planted.inEnvironment,
    HTTPS_PROXY: `http://user:${planted.inUrl}@127.0.0.1:9`,
  };
}

function kubeconfig(user: string): string {
  return `apiVersion: v1
kind: Config
current-context: c
clusters: [{ name: c, cluster: { server: "https://127.0.0.1:9" } }]
contexts: [{ name: c, context: { cluster: c, user: u } }]
users:
  - name: u
    user:
${user}
`;
}

function plugin(script: string): string {
  return `      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: sh
        args: ["-c", "${script}"]
        interactiveMode: Never
        env: [{ name: PASSWORD, value: ${planted.inEnvironment} }]`;
}

describe("secrets", { concurrency: 2, timeout: 100_000 }, () => {
  it("none of a pod's gets out, whatever a server repeats", async (t) => {
    const folder = scratchFolder(t);
    const { port, caPem } = await openHostileServer(t);
    const mount = await mountServiceAccount({
      token: planted.inToken,
      caPem,
      namespace: "default",
    });
    t.after(() => mount.remove());
    const statusPort = await freePort();
    const script = "echo runs; exec sleep 60";
    const bin = await startBin(t, {
      argv: ["sh", "-c", script, "sh", `--password=${planted.inArgument}`],
      env: {
        ...environment(folder),
        ...clusterEnvironment({ host: "127.0.0.1", port }, mount),
        K8S_AWAIT_ELECTION_STATUS_ENDPOINT: `127.0.0.1:${statusPort}`,
      },
    });
    await bin.output.first(/^runs/, 0, 60_000);
    await bin.log.first(/the watch is lost.*no watch for/, 0, 30_000);
    const paths = ["/", `/?token=${planted.inQuestion}`, `/login?next=${planted.inQuestion}`];
    const answers = await Promise.all(paths.map((path) => ask(statusPort, path)));
    await bin.log.first(/the watch is lost.*watch error: expired/, 0, 30_000);
    bin.signal("SIGTERM");
    assert.equal((await bin.ended).code, 143);
    // Without the secrets they are still good for something.
    for (const said of [/401: not accepted: .*Bearer <redacted>/, /504: denied for <token>/]) {
      assert.match(bin.log.text, said);
    }
    const recorded = readFileSync(join(folder, "record.jsonl"), "utf8");
    assert.match(recorded, /Authorization: Bearer <redacted>|Authorization: <redacted>/);
    assert.match(recorded, /"status":200,"body":"\{\\"kind\\":\\"Secret\\",\\"metadata\\":\{\}\}"/);
    assert.match(recorded, /dial https:\/\/<redacted>@10\.0\.0\.9/);
    assertNothingLeaked(folder, bin, answers);
  });

  const unsupported = /user "u" has exec, which is not supported by the native host/;
  const broken: readonly (readonly [what: string, user: string, says: RegExp])[] = [
    [
      "that is no YAML",
      `      token: ${planted.inToken}\n      password: *${planted.inObject}`,
      /it is no YAML at line \d+/,
    ],
    [
      "whose plugin prints the bare token",
      plugin(`echo ${planted.inObject}`),
      isNodeHost ? /a credential plugin's answer is no JSON/ : unsupported,
    ],
    [
      "whose plugin complains with all it knows",
      plugin(`echo denied for ${planted.inMessage} token=${planted.inToken} >&2; exit 1`),
      isNodeHost ? /denied for <token> token=<redacted>/ : unsupported,
    ],
  ];
  for (const [what, user, says] of broken) {
    it(`none of a kubeconfig ${what}`, async (t) => {
      const folder = scratchFolder(t);
      const file = join(scratchFolder(t), "config");
      writeFileSync(file, kubeconfig(user));
      const env = { ...environment(folder), KUBECONFIG: file };
      const bin = await startBin(t, { argv: ["sleep", "60"], env });
      assert.equal((await bin.ended).code, 1);
      assert.match(bin.log.text, says);
      assertNothingLeaked(folder, bin);
    });
  }

  it("none of a kubeconfig's name and password, which a server repeats", {
    skip: !isNodeHost && "the native host takes no passwords",
  }, async (t) => {
    const folder = scratchFolder(t);
    const file = join(scratchFolder(t), "config");
    const basic = Buffer.from(`user:${planted.inObject}`).toString("base64");
    let asked = 0;
    const api = await serveApi(new ApiStore(), {
      intercept(_, response) {
        asked += 1;
        const message = `the header ${basic} is user:${planted.inObject}, and no good`;
        response.writeHead(500).end(JSON.stringify({ kind: "Status", message }));
        return true;
      },
    });
    t.after(() => api.close());
    const user = `      username: user\n      password: ${planted.inObject}`;
    writeFileSync(file, kubeconfig(user).replace("https://127.0.0.1:9", api.url));
    const env = { ...environment(folder), KUBECONFIG: file };
    const bin = await startBin(t, { argv: ["sleep", "60"], env });
    await bin.log.first(/500: the header <redacted> is user:<redacted>, and no good/);
    assert.ok(asked > 0);
    bin.signal("SIGTERM");
    await bin.ended;
    assertNothingLeaked(folder, bin);
    const recorded = readFileSync(join(folder, "record.jsonl"), "utf8");
    assert.ok(!recorded.includes(basic) && !bin.log.text.includes(basic));
  });
});
