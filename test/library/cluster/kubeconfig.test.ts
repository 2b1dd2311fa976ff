/** Electors on a real kube-apiserver, with all that the official client's `KubeConfig` can prove. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { KubeConfig } from "@kubernetes/client-node";
import { ApiError, LeaderElector, type Leader, type Term } from "../../../src/library/index.ts";
import { type ControlPlane, startControlPlane } from "../../cluster/control-plane.ts";
import { ourRole } from "../../cluster/roles.ts";
import { createAuthority } from "../../support/certificates.ts";
import { until } from "../../support/processes.ts";
import { kubeconfigOf } from "../member.ts";

const name = "demo";

describe("LeaderElector with a KubeConfig of client-node", { concurrency: 2 }, () => {
  let plane: ControlPlane;
  let clients: Awaited<ReturnType<typeof createAuthority>>;

  const folder = mkdtempSync(join(tmpdir(), "kubeconfig-"));

  before(async () => {
    clients = await createAuthority({ name: "clients" });
    const file = join(folder, "clients.crt");
    writeFileSync(file, clients.caPem);
    plane = await startControlPlane({ apiServerFlags: [`--client-ca-file=${file}`] });
  });
  after(async () => {
    await plane?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A ServiceAccount with the rights that the documentation asks for, and no other. */
  async function account(): Promise<{ namespace: string; token: string }> {
    const namespace = await plane.namespace("library");
    await plane.serviceAccount(namespace, "app", ourRole(name));
    return { namespace, token: await plane.token(namespace, "app") };
  }

  const users: Readonly<Record<string, () => Promise<{ namespace: string; user: object }>>> = {
    "a token": async () => {
      const { namespace, token } = await account();
      return { namespace, user: { token } };
    },
    "a client certificate": async () => {
      const namespace = await plane.namespace("library");
      const client = { user: "jane", group: "system:masters" };
      const { certPem, keyPem } = await clients.issue({ client });
      const user = {
        "client-certificate-data": base64(certPem),
        "client-key-data": base64(keyPem),
      };
      return { namespace, user };
    },
    "a credential plugin": async () => {
      const { namespace, token } = await account();
      const apiVersion = "client.authentication.k8s.io/v1";
      const credential = JSON.stringify({ apiVersion, kind: "ExecCredential", status: { token } });
      const exec = {
        apiVersion,
        command: process.execPath,
        args: ["-e", `console.log(${JSON.stringify(credential)})`],
        interactiveMode: "Never",
      };
      return { namespace, user: { exec } };
    },
  };

  for (const [what, prepare] of Object.entries(users)) {
    it(`leads with ${what}, is observed, and hands over`, async () => {
      const { namespace, user } = await prepare();
      const lease = { namespace, name };
      const electorOf = (identity: string) =>
        new LeaderElector({ lease, identity, kubeConfig: load(kubeconfigOf(plane.access, user)) });
      await using a = electorOf("a");
      await using b = electorOf("b");
      const seen: Leader[] = [];
      const end = new AbortController();
      const observing = (async () => {
        for await (const leader of b.observe({ signal: end.signal })) seen.push(leader);
      })();
      const terms: Term[] = [];
      const first = a.campaign(async (term) => {
        terms.push(term);
        await new Promise((resolve) => term.signal.addEventListener("abort", resolve));
        return "first";
      });
      await until(() => terms.length === 1, "a leads");
      const second = b.campaign((term) => {
        terms.push(term);
        return "second";
      });
      await until(() => seen.at(-1)?.identity === "a", "b sees who leads");
      assert.ok(seen.at(-1)?.since instanceof Date);
      terms[0]!.resign();
      assert.equal(await first, "first");
      assert.equal(await second, "second");
      assert.ok(BigInt(terms[1]!.fencingToken) > BigInt(terms[0]!.fencingToken), "S10");
      end.abort(new Error("enough"));
      await assert.rejects(observing, /enough/);
      assert.ok(seen.some(({ identity, isSelf }) => identity === "b" && isSelf));
    });
  }

  it("says what is wrong with a configuration before anything is promised", async () => {
    const elector = new LeaderElector({
      lease: { namespace: "default", name },
      kubeConfig: load(kubeconfigOf({ ...plane.access, url: "http://192.0.2.1" })),
    });
    await assert.rejects(
      elector.campaign(() => {}),
      (error) => error instanceof ApiError && /it must be https/.test(error.message),
    );
  });

  it("says that the claim is forbidden, and waits for the rights", async () => {
    const namespace = await plane.namespace("library");
    await plane.serviceAccount(namespace, "app", []);
    const token = await plane.token(namespace, "app");
    const lines: string[] = [];
    const add = (line: string) => void lines.push(line);
    const elector = new LeaderElector({
      lease: { namespace, name },
      kubeConfig: load(kubeconfigOf(plane.access, { token })),
      logger: { error: add, warn: add, info: add, debug: add },
    });
    const stop = new AbortController();
    const result = elector.campaign(() => {}, { signal: stop.signal });
    await until(() => lines.some((line) => /403/.test(line)), "the refusal is told");
    assert.ok(lines.every((line) => !line.includes(token)));
    stop.abort(new Error("enough"));
    await assert.rejects(result, /enough/);
  });
});

function load(text: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(text);
  return config;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
