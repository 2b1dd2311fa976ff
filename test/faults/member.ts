/** One replica: the entry point in a process of its own, behind a proxy of its own. */
import { randomUUID } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import type { TestContext } from "node:test";
import { clusterEnvironment, mountServiceAccount } from "../cluster/pod-files.ts";
import { type Bin, startBin } from "../hosts/bin.ts";
import { openProxy, type Proxy, type Target } from "../support/proxy.ts";
import type { Hear, Network } from "./network.ts";

export interface Member {
  readonly identity: string;
  readonly bin: Bin;
  readonly proxy: Proxy;
  /** Replaces the CA that it trusts, as the kubelet does. */
  trust(caPem: string): Promise<void>;
}

export interface MemberOptions {
  /** Words before the entry point, such as `nsenter` and a namespace. */
  readonly before?: readonly string[];
  /** Where it looks for the API server: its own proxy unless told. */
  readonly server?: Target;
  /** Where its proxy listens. */
  readonly proxyAt?: Partial<Target>;
}

export interface MemberParts extends MemberOptions {
  readonly identity: string;
  readonly argv: readonly string[];
  /** Its part in the election: the Lease and the durations. */
  readonly env: Readonly<Record<string, string>>;
  /** Hears everything that it asks. */
  readonly hear: Hear;
}

export async function startMember(
  t: TestContext,
  network: Network,
  parts: MemberParts,
): Promise<Member> {
  const { identity, argv, before = [] } = parts;
  const token = randomUUID();
  network.admit(token, identity, parts.hear);
  const { caPem } = network.authority;
  const mount = await mountServiceAccount({ token, caPem, namespace: "default" });
  const proxy = await openProxy(network, parts.proxyAt);
  t.after(() => {
    proxy.close();
    return mount.remove();
  });
  const env = {
    ...clusterEnvironment(parts.server ?? proxy, mount),
    K8S_AWAIT_ELECTION_ENABLED: "1",
    K8S_AWAIT_ELECTION_NAME: "test",
    K8S_AWAIT_ELECTION_LOCK_NAMESPACE: "default",
    K8S_AWAIT_ELECTION_IDENTITY: identity,
    ...parts.env,
  };
  const bin = await startBin(t, { argv, before, env });
  const ca = `${mount.folder}/..data/ca.crt`;
  return {
    identity,
    bin,
    proxy,
    async trust(caPem) {
      await writeFile(`${ca}.new`, caPem);
      await rename(`${ca}.new`, ca);
    },
  };
}
