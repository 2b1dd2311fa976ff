/**
 * Mistakes that are seen before anything is asked: each ends at once, with a code of its own and one
 * line that names what was found and what would be right; or it can be lived with, and is told once.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { after, before, describe, it, type TestContext } from "node:test";
import { startBin, scratchFolder } from "./bin.ts";
import { calm, type Cluster, openCluster } from "./cluster.ts";
import { complaints, rightSettings } from "./mistakes.ts";

interface Mistake {
  readonly what: string;
  readonly argv?: readonly string[];
  /** Beside or instead of what is right; the folder is empty and the test's own. */
  readonly env?: (folder: string) => Readonly<Record<string, string>>;
  readonly code: number;
  /** All that is said, a line each. */
  readonly says: readonly RegExp[];
}

const service = {
  K8S_AWAIT_ELECTION_SERVICE_NAME: "my-service",
  K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: '[{"name":"http","port":80}]',
  K8S_AWAIT_ELECTION_POD_IP: "10.1.2.3",
};

const settingsMistakes: readonly Mistake[] = [
  {
    what: "X11 ports that are a number",
    env: () => ({ ...service, K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: "80" }),
    code: 64,
    says: [/SERVICE_PORTS_JSON is "80": must be a JSON array of ports, such as \[\{"name":"http"/],
  },
  {
    what: "X11 ports that are no JSON",
    env: () => ({ ...service, K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: "[{port: 80}]" }),
    code: 64,
    says: [/SERVICE_PORTS_JSON is "\[\{port: 80\}\]": must be a JSON array of ports/],
  },
  {
    what: "X11 a Service without the pod's address",
    env: () => ({ ...service, K8S_AWAIT_ELECTION_POD_IP: "" }),
    code: 64,
    says: [/POD_IP is not set, and K8S_AWAIT_ELECTION_SERVICE_NAME needs it/],
  },
  {
    what: "X11 a renew deadline above the lease duration",
    env: () => ({
      K8S_AWAIT_ELECTION_LEASE_DURATION: "15",
      K8S_AWAIT_ELECTION_RENEW_DEADLINE: "20",
    }),
    code: 64,
    says: [/RENEW_DEADLINE is "20": must be shorter than the lease duration \(15 s\)/],
  },
  {
    what: "X11 several settings at once",
    env: () => ({ K8S_AWAIT_ELECTION_IDENTITY: "", K8S_AWAIT_ELECTION_LOCK_NAME: "My_Server" }),
    code: 64,
    says: [
      /LOCK_NAME is "My_Server": must be lower-case letters/,
      /K8S_AWAIT_ELECTION_IDENTITY is not set/,
    ],
  },
  {
    what: "no command",
    argv: [],
    code: 1,
    says: [/no command given: use .*COMMAND \[ARGUMENT…\]/],
  },
  {
    what: "P7 a command that is not found",
    argv: ["my-sever"],
    code: 127,
    says: [/Cannot start "my-sever": not found \(ENOENT\)/],
  },
  {
    what: "P7 a command that is not executable",
    argv: ["/etc/passwd"],
    code: 126,
    says: [/Cannot start "\/etc\/passwd": it is not executable \(EACCES\)/],
  },
];

const accessMistakes: readonly Mistake[] = [
  {
    what: "F5 no service account mounted",
    env: (folder) => inPod(folder),
    code: 1,
    says: [/Cannot read .*\/token: ENOENT.*automountServiceAccountToken/],
  },
  {
    what: "F5 a token that is empty",
    env: (folder) => {
      writeFileSync(`${folder}/token`, "\n");
      writeFileSync(`${folder}/ca.crt`, "-----BEGIN CERTIFICATE-----\n");
      return inPod(folder);
    },
    code: 1,
    says: [/Cannot use .*\/token: it is empty/],
  },
  {
    what: "neither a pod nor a kubeconfig",
    code: 1,
    says: [/Cannot find the API server: .*Run in a pod, or set .*KUBECONFIG to a kubeconfig file/],
  },
  {
    what: "a kubeconfig that is missing",
    env: (folder) => ({ KUBECONFIG: `${folder}/config` }),
    code: 1,
    says: [/Cannot use the kubeconfig ".*\/config": ENOENT/],
  },
  {
    what: "a kubeconfig that is a folder",
    env: (folder) => {
      mkdirSync(`${folder}/config`);
      return { K8S_AWAIT_ELECTION_KUBECONFIG: `${folder}/config` };
    },
    code: 1,
    says: [/Cannot use the kubeconfig ".*\/config": EISDIR/],
  },
  {
    what: "a kubeconfig with insecure-skip-tls-verify",
    env: (folder) => {
      writeFileSync(`${folder}/config`, insecureKubeconfig);
      return { KUBECONFIG: `${folder}/config` };
    },
    code: 1,
    says: [/cluster "mine" has insecure-skip-tls-verify, .*give its certificate-authority/],
  },
];

const insecureKubeconfig = `
apiVersion: v1
kind: Config
clusters: [{ name: mine, cluster: { server: "https://127.0.0.1:6443", insecure-skip-tls-verify: true } }]
users: [{ name: me, user: { token: mine } }]
contexts: [{ name: mine, context: { cluster: mine, user: me } }]
current-context: mine
`;

/** What can be lived with, and what it is then. */
const tolerated = [
  {
    what: "a duration with a unit",
    env: { K8S_AWAIT_ELECTION_LEASE_DURATION: "15s" },
    says: /LEASE_DURATION is "15s", which is no whole number of seconds: using 15/,
  },
  {
    what: "a name that is misspelt",
    env: { K8S_AWAIT_ELECTION_STOP_TIMOUT: "10" },
    says: /K8S_AWAIT_ELECTION_STOP_TIMOUT is not a variable of k8s-await-election: it is ignored/,
  },
  {
    what: "an election that was meant to be off",
    env: { K8S_AWAIT_ELECTION_ENABLED: "false" },
    says: /ENABLED is "false", and any value but the empty one enables the election/,
  },
] as const;

describe("mistakes in the settings", { concurrency: 4, timeout: 60_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  for (const mistake of [...settingsMistakes, ...accessMistakes]) {
    it(`${mistake.what}: ${mistake.code}, told once`, (t) => assertRefused(t, mistake));
  }

  for (const { what, env, says } of tolerated) {
    it(`X11 ${what}: told once, and the command runs`, async (t) => {
      const lease = what.replaceAll(" ", "-");
      const argv = ["sh", "-c", "echo runs; exec sleep 60"];
      const bin = await cluster.start(t, { lease, argv, env: { ...calm, ...env } });
      await bin.output.first(/^runs/);
      await cluster.renewals(lease, 2);
      assertSaid(complaints(bin), [says]);
      t.diagnostic(complaints(bin).join("\n"));
      bin.signal("SIGTERM");
      assert.deepEqual(await bin.ended, { code: 143, signal: null });
    });
  }
});

async function assertRefused(t: TestContext, mistake: Mistake): Promise<void> {
  const { argv = ["sh", "-c", "echo runs"], env = () => ({}), code, says } = mistake;
  const folder = scratchFolder(t);
  const bin = await startBin(t, { argv, env: { ...rightSettings, ...env(folder) } });
  assert.deepEqual(await bin.ended, { code, signal: null }, bin.log.text);
  t.diagnostic(`${code}: ${bin.log.text}`);
  assert.equal(bin.output.text, "", "nothing runs");
  assertSaid(bin.log.text.trimEnd().split("\n"), says);
}

function assertSaid(lines: readonly string[], says: readonly RegExp[]): void {
  const text = lines.join("\n");
  assert.equal(lines.length, says.length, text);
  for (const [at, pattern] of says.entries()) assert.match(lines[at] ?? "", pattern);
}

function inPod(folder: string): Record<string, string> {
  return {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: "1",
    K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR: folder,
  };
}
