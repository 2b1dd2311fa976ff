/**
 * What an operator sees of a leader on a real kube-apiserver, with kubectl; and that the rule which the
 * program names for a missing permission is the one that grants it.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { lacking } from "../hosts/mistakes.ts";
import { type ApiAccess, callApi } from "../support/api-client.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { accountName, deploy, lockName } from "./replicas.ts";
import { ourRole, type PolicyRule, sliceRole } from "./roles.ts";
import { until } from "./until.ts";

const execute = promisify(execFile);

const service = {
  K8S_AWAIT_ELECTION_SERVICE_NAME: lockName,
  K8S_AWAIT_ELECTION_SERVICE_PORTS_JSON: '[{"port":80}]',
  K8S_AWAIT_ELECTION_POD_IP: "10.1.2.3",
};

/** One verb that is taken away, and by which objects the Service is routed meanwhile. */
const missing: readonly {
  readonly verb: string;
  readonly resource: string;
  readonly kind?: "endpoints" | "endpointslice";
  /** Whether the Endpoints are there before. */
  readonly hasEndpoints?: true;
}[] = [
  { verb: "get", resource: "leases" },
  { verb: "update", resource: "leases" },
  { verb: "watch", resource: "leases" },
  { verb: "create", resource: "leases" },
  { verb: "get", resource: "services" },
  { verb: "get", resource: "endpoints", kind: "endpoints" },
  { verb: "update", resource: "endpoints", kind: "endpoints", hasEndpoints: true },
  { verb: "create", resource: "endpoints", kind: "endpoints" },
  { verb: "get", resource: "endpointslices", kind: "endpointslice" },
  { verb: "create", resource: "endpointslices", kind: "endpointslice" },
  { verb: "create", resource: "events" },
];

describe("what an operator sees on a real kube-apiserver", { concurrency: 2 }, () => {
  let plane: ControlPlane;
  before(async () => {
    plane = await startControlPlane();
  });
  after(() => plane?.close());

  /** As the administrator, of one namespace. */
  async function kubectl(namespace: string, ...words: readonly string[]): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "kubectl-"));
    try {
      const { url, caPem, token } = plane.access;
      const authority = join(folder, "ca.pem");
      await writeFile(authority, caPem);
      const access = ["--server", url, "--certificate-authority", authority, "--token", token];
      const program = join(process.env["KUBEBUILDER_ASSETS"] ?? "", "kubectl");
      const env = { HOME: folder, KUBECONFIG: "/dev/null" };
      const { stdout } = await execute(program, [...access, "-n", namespace, ...words], { env });
      return stdout;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  it("kubectl describe lease tells who led when, where, and why", async (t) => {
    const deployment = await deploy(t, plane, { rules: ourRole(lockName) });
    const env = { K8S_AWAIT_ELECTION_NODE_NAME: "node-1" };
    const first = await deployment.start(env);
    await deployment.untilStarts(1);
    const { namespace } = deployment;
    assert.match(
      await kubectl(namespace, "get", "lease", lockName, "-L", "k8s-await-election/node"),
      /NODE\n.* node-1\n$/,
    );
    const second = await deployment.start(env);
    await second.bin.log.first(/the leader is/);
    first.bin.signal("SIGTERM");
    await deployment.untilStarts(2);
    const told = await until("three Events", async () => {
      const text = await kubectl(namespace, "describe", "lease", lockName);
      return /Leading[\s\S]*Released[\s\S]*Leading/.test(text) ? text : undefined;
    });
    t.diagnostic(told);
    assert.match(
      told,
      /Labels: +k8s-await-election\/node=node-1\n +k8s-await-election\/pod=app-2\n/,
    );
    assert.match(told, /k8s-await-election\/pod: app-2\n/);
    const claimed = /reason:\s+(\S+Z) claimed: it was released, or never held\n/.exec(told);
    const acquired = /Acquire Time: +(\S+)\n/.exec(told);
    assert.equal(claimed?.[1], acquired?.[1], "a reason of another time would be stale");
    const rows = told.split("\n").filter((line) => /^ +(Normal|Warning) /.test(line));
    assert.deepEqual(
      rows
        .map((row) => row.trim().split(/ {2,}/))
        .map(([type, reason, , , text]) => [type, reason, text]),
      [
        ["Normal", "Leading", "app-1: leading: there was no Lease"],
        ["Normal", "Released", "app-1: released the lease: received SIGTERM"],
        ["Normal", "Leading", "app-2: leading: it was released, or never held"],
      ],
    );
  });

  for (const { verb, resource, kind = "auto", hasEndpoints } of missing) {
    it(`names the missing permission to ${verb} ${resource}, and takes the rule it names`, async (t) => {
      const rules = without(sliceRole(lockName, lockName), verb, resource);
      const deployment = await deploy(t, plane, { rules });
      const { namespace, operator } = deployment;
      if (hasEndpoints) {
        const path = `/api/v1/namespaces/${namespace}/endpoints`;
        await operator.call("POST", path, { metadata: { name: lockName } });
      }
      const { bin } = await deployment.start({
        ...service,
        K8S_AWAIT_ELECTION_SERVICE_KIND: kind,
      });
      const line = await bin.log.first(lacking(verb, resource));
      const rule = ruleIn(line);
      assert.deepEqual(rule.verbs, [verb]);
      assert.equal(bin.log.all.filter((it) => it.includes("missing permission")).length, 1);
      await operator.setRules(accountName, [...rules, rule]);
      const access = { ...plane.access, token: await deployment.token() };
      await until("the right is granted", () => isAllowed(access, namespace, rule));
      if (resource !== "events") await deployment.untilStarts(1);
    });
  }
});

function without(
  rules: readonly PolicyRule[],
  verb: string,
  resource: string,
): readonly PolicyRule[] {
  return rules
    .map((rule) =>
      rule.resources.includes(resource)
        ? { ...rule, verbs: rule.verbs.filter((it) => it !== verb) }
        : rule,
    )
    .filter(({ verbs }) => verbs.length > 0);
}

/** Flow YAML as the line has it: a Role takes it like this, and so does a test. */
function ruleIn(line: string): PolicyRule {
  const [, text = ""] = /rule="- \{(.*)\}"/.exec(line) ?? [];
  const lists = [...text.matchAll(/(\w+): \[([^\]]*)\]/g)].map(([, name, items = ""]) => [
    name,
    items.split(", ").map((item) => item.replaceAll("'", "")),
  ]);
  return Object.fromEntries(lists);
}

async function isAllowed(
  access: ApiAccess,
  namespace: string,
  { apiGroups, resources, resourceNames, verbs }: PolicyRule,
): Promise<true | undefined> {
  const resourceAttributes = {
    namespace,
    group: apiGroups[0],
    resource: resources[0],
    verb: verbs[0],
    name: resourceNames?.[0],
  };
  const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  const { body } = await callApi(access, "POST", path, { spec: { resourceAttributes } });
  return (body.status as { allowed?: boolean }).allowed ? true : undefined;
}
