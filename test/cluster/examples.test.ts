/**
 * The manifests of `examples/`, as somebody would apply them: a real kube-apiserver takes each of
 * their documents, the entry point takes their variables, and their Roles suffice.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadAllYaml } from "@kubernetes/client-node";
import { readSettings, type Settings } from "../../src/core/settings.ts";
import { assertExclusive } from "../hosts/oracle.ts";
import { type ApiObject, callApi } from "../support/api-client.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { deploy, type Deployment } from "./replicas.ts";
import type { PolicyRule } from "./roles.ts";
import { freePort } from "./server-processes.ts";
import { until } from "./until.ts";

interface Manifest {
  readonly file: string;
  /** As they stand in the file. */
  readonly texts: readonly string[];
  readonly documents: readonly ApiObject[];
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly Container[];
}

interface Container {
  readonly env: readonly Variable[];
  readonly livenessProbe: { readonly httpGet: { readonly port: string } };
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
}

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

const folder = join(import.meta.dirname, "../../../examples");
const manifests: readonly Manifest[] = readdirSync(folder)
  .filter((file) => file.endsWith(".yaml"))
  .map(readManifest);

/** What the kubelet would put in place of a `fieldRef`. */
const pod: Readonly<Record<string, string>> = {
  "metadata.name": "my-server-7d4b9c-x2x7z",
  "metadata.namespace": "default",
  "status.podIP": "10.1.2.3",
  "spec.nodeName": "node-1",
};

const plurals: Readonly<Record<string, string>> = {
  Deployment: "deployments",
  Pod: "pods",
  Role: "roles",
  RoleBinding: "rolebindings",
  Service: "services",
  ServiceAccount: "serviceaccounts",
  StatefulSet: "statefulsets",
};

describe("examples", { concurrency: 2, timeout: 100_000 }, () => {
  let plane: ControlPlane;
  before(async () => {
    plane = await startControlPlane();
  });
  after(() => plane?.close());

  it("are all there", () => {
    const names = ["deployment", "httpbin", "singleton-service", "statefulset"];
    assert.deepEqual(
      manifests.map(({ file }) => file),
      names.map((name) => `${name}.yaml`),
    );
  });

  for (const { file, texts, documents } of manifests) {
    it(`${file} is accepted in every document, by a namespace that restricts its pods`, async () => {
      const namespace = await plane.namespace("examples");
      const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
      const path = `/api/v1/namespaces/${namespace}`;
      const labelled = await callApi(plane.access, "PATCH", path, { metadata: { labels } });
      assert.equal(labelled.status, 200, labelled.text);
      assert.equal(texts.length, documents.length);
      for (const [at, text] of texts.entries()) {
        await assertAccepted(documents[at]!, text, namespace);
      }
      const madePod = podOf(documents);
      await assertAccepted(madePod, JSON.stringify(madePod), namespace);
    });

    it(`${file} has variables without misfit, and names that fit each other`, () => {
      const settings = settingsOf(documents);
      const { terminationGracePeriodSeconds, serviceAccountName } = specOf(documents);
      assert.ok(terminationGracePeriodSeconds * 1000 > settings.stopTimeoutMs, "stops in time");
      const { livenessProbe, ports } = containerOf(documents);
      const probed = ports.find(({ name }) => name === livenessProbe.httpGet.port);
      assert.equal(probed?.containerPort, settings.status?.port, "the probe asks the endpoint");
      const account = only(documents, "ServiceAccount").metadata?.name;
      const role = only(documents, "Role").metadata?.name;
      const { roleRef, subjects } = only(documents, "RoleBinding");
      assert.equal(account, serviceAccountName);
      assert.deepEqual(roleRef, {
        apiGroup: "rbac.authorization.k8s.io",
        kind: "Role",
        name: role,
      });
      assert.deepEqual(subjects, [{ kind: "ServiceAccount", name: account, namespace: "default" }]);
      if (settings.service !== undefined) assertService(documents, settings.service);
    });
  }

  /** The API server reads the text itself, so that nothing in it is lost on the way. */
  async function assertAccepted(
    { apiVersion = "", kind = "", metadata }: ApiObject,
    text: string,
    namespace: string,
  ): Promise<void> {
    const group = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
    const plural = plurals[kind];
    assert.ok(plural !== undefined, `${kind} is a kind that this test knows`);
    // A misspelt field would only be warned of without `Strict`.
    const query = "dryRun=All&fieldValidation=Strict";
    const path = `${group}/namespaces/${namespace}/${plural}?${query}`;
    const headers = { "content-type": "application/yaml" };
    const answer = await callApi(plane.access, "POST", path, text, headers);
    const what = `${kind} ${metadata?.name}`;
    assert.equal(answer.status, 201, `${what}: ${answer.text}`);
    assert.equal(answer.headers["warning"], undefined, what);
  }

  for (const { file, documents } of manifests) {
    const { service, lock } = settingsOf(documents);
    it(`${file} has a Role that suffices${service ? ", for the routes too" : ""}`, async (t) => {
      const { rules } = only(documents, "Role") as { readonly rules?: readonly PolicyRule[] };
      const deployment = await deploy(t, plane, { rules: rules ?? [], durations: {} });
      const { bin } = await deployment.start({
        ...environmentOf(documents),
        K8S_AWAIT_ELECTION_LOCK_NAMESPACE: deployment.namespace,
        K8S_AWAIT_ELECTION_STATUS_ENDPOINT: `127.0.0.1:${await freePort()}`,
        K8S_AWAIT_ELECTION_LOG_LEVEL: "debug",
      });
      await deployment.untilStarts(1);
      if (service)
        assert.deepEqual(await addresses(deployment, service.name), [pod["status.podIP"]]);
      const lease = await untilRenewed(deployment, lock.name);
      assert.equal(lease.spec?.["holderIdentity"], pod["metadata.name"]);
      bin.signal("SIGTERM");
      assert.deepEqual(await bin.ended, { code: 0, signal: null });
      if (service) assert.deepEqual(await addresses(deployment, service.name), []);
      const released = await readLease(deployment, lock.name);
      assert.equal(released.spec?.["holderIdentity"] ?? "", "");
      const complaints = bin.log.all.filter((line) => /ERROR|WARN|refused|forbidden/.test(line));
      assert.deepEqual(
        complaints.filter((line) => !line.includes("not PID 1")),
        [],
      );
      assertExclusive(deployment.journal);
    });
  }
});

function readManifest(file: string): Manifest {
  const text = readFileSync(join(folder, file), "utf8");
  // The package makes classes of the documents, and leaves out what it does not know.
  const documents = JSON.parse(JSON.stringify(loadAllYaml(text))) as ApiObject[];
  return { file, texts: text.split(/^---$/m), documents };
}

/** Without a selector, and with the ports that the leader writes. */
function assertService(
  documents: readonly ApiObject[],
  { name, ports }: NonNullable<Settings["service"]>,
): void {
  const found = only(documents, "Service");
  assert.equal(found.metadata?.name, name);
  assert.equal(found.spec?.["selector"], undefined);
  const served = found.spec?.["ports"] as readonly { readonly name?: string }[];
  assert.deepEqual(
    served.map((port) => port.name),
    ports.map((port) => port.name),
  );
}

/** The settings of the entry point, which takes every variable as it is. */
function settingsOf(documents: readonly ApiObject[]): Settings {
  const { settings, misfits, warnings } = readSettings(environmentOf(documents));
  assert.deepEqual([...misfits, ...warnings], []);
  assert.ok(settings !== undefined);
  return settings;
}

function environmentOf(documents: readonly ApiObject[]): Record<string, string> {
  const variables = containerOf(documents).env.map(({ name, value, valueFrom }) => {
    const text = value ?? pod[valueFrom?.fieldRef.fieldPath ?? ""];
    assert.ok(text !== undefined, `${name} has a value`);
    return [name, text] as const;
  });
  return Object.fromEntries(variables);
}

function containerOf(documents: readonly ApiObject[]): Container {
  const { containers } = specOf(documents);
  assert.equal(containers.length, 1);
  return containers[0]!;
}

function specOf(documents: readonly ApiObject[]): PodSpec {
  return (templateOf(documents) as { readonly spec: unknown }).spec as PodSpec;
}

/** What the workload's controller would make; a StatefulSet's volumes are not there yet. */
function podOf(documents: readonly ApiObject[]): ApiObject {
  const { metadata, spec } = templateOf(documents);
  const claimed = { name: "data", emptyDir: {} };
  const { volumes = [claimed] } = spec as { readonly volumes?: readonly unknown[] };
  const name = "made-from-template";
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...metadata, name },
    spec: { ...(spec as object), volumes },
  };
}

function templateOf(documents: readonly ApiObject[]): ApiObject {
  const workload = documents.filter(({ kind }) => kind === "Deployment" || kind === "StatefulSet");
  assert.equal(workload.length, 1);
  return workload[0]?.spec?.["template"] as ApiObject;
}

function only(documents: readonly ApiObject[], kind: string): ApiObject {
  const found = documents.filter((document) => document.kind === kind);
  assert.equal(found.length, 1, `one ${kind}`);
  return found[0]!;
}

function readLease({ operator, namespace }: Deployment, name: string): Promise<ApiObject> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
  return operator.call("GET", path);
}

async function untilRenewed(deployment: Deployment, name: string): Promise<ApiObject> {
  return until("a renewal", async () => {
    const lease = await readLease(deployment, name);
    const { acquireTime, renewTime } = lease.spec ?? {};
    return acquireTime === renewTime ? undefined : lease;
  });
}

/** In the slice, or in the Endpoints where the Role knows those alone. */
async function addresses(deployment: Deployment, name: string): Promise<readonly unknown[]> {
  const { namespace, operator } = deployment;
  const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  const { items = [] } = (await operator.call("GET", slices)) as {
    readonly items?: readonly {
      readonly metadata: { readonly name: string };
      readonly endpoints: readonly { readonly addresses: readonly string[] }[] | null;
    }[];
  };
  const slice = items.find(({ metadata }) => metadata.name === `${name}-await-election-ipv4`);
  if (slice) return (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses);
  const path = `/api/v1/namespaces/${namespace}/endpoints/${name}`;
  const { subsets } = (await operator.call("GET", path)) as {
    readonly subsets?: readonly { readonly addresses: readonly { readonly ip: string }[] }[];
  };
  return (subsets ?? []).flatMap((subset) => subset.addresses.map(({ ip }) => ip));
}
