/**
 * The examples of `examples/images/`: a real kube-apiserver takes each document, the entry point takes
 * the variables, and what the init container copies is what the command's container starts.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { loadAllYaml } from "@kubernetes/client-node";
import { readSettings } from "../../src/core/settings.ts";
import { type ControlPlane, startControlPlane } from "../cluster/control-plane.ts";
import { type ApiObject, callApi } from "../support/api-client.ts";
import { temporaryFolder } from "../support/processes.ts";
import { manifest, nativeFile, root } from "./artefacts.ts";

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
}

interface Container {
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

const folder = join(root, "examples/images");
const names = ["built-in", "init-container"];
const image = `k8s-await-election:${manifest.version}-native`;

const paths: Readonly<Record<string, string>> = {
  Deployment: "/apis/apps/v1/namespaces/NAMESPACE/deployments",
  Pod: "/api/v1/namespaces/NAMESPACE/pods",
  Role: "/apis/rbac.authorization.k8s.io/v1/namespaces/NAMESPACE/roles",
  RoleBinding: "/apis/rbac.authorization.k8s.io/v1/namespaces/NAMESPACE/rolebindings",
  ServiceAccount: "/api/v1/namespaces/NAMESPACE/serviceaccounts",
};

const hasServer = (process.env["KUBEBUILDER_ASSETS"] ?? "") !== "";

describe("manifests", { skip: !hasServer && "set KUBEBUILDER_ASSETS", timeout: 100_000 }, () => {
  let plane: ControlPlane;
  before(async () => {
    plane = await startControlPlane();
  });
  after(() => plane?.close());

  for (const name of names) {
    it(`${name}.yaml is accepted in every document, by a namespace that restricts its pods`, async () => {
      const namespace = await plane.namespace("images");
      const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
      const path = `/api/v1/namespaces/${namespace}`;
      const labelled = await callApi(plane.access, "PATCH", path, { metadata: { labels } });
      assert.equal(labelled.status, 200, labelled.text);
      const texts = readFileSync(join(folder, `${name}.yaml`), "utf8").split(/^---$/mu);
      const documents = documentsOf(`images/${name}.yaml`);
      assert.equal(texts.length, documents.length);
      for (const [at, text] of texts.entries())
        await assertAccepted(documents[at]!, text, namespace);
      const pod = podOf(documents);
      await assertAccepted(pod, JSON.stringify(pod), namespace);
    });
  }

  /** The API server reads the text itself, so that nothing in it is lost on the way. */
  async function assertAccepted({ kind = "" }: ApiObject, text: string, namespace: string) {
    const path = paths[kind]?.replace("NAMESPACE", namespace);
    assert.ok(path !== undefined, `${kind} is a kind that this test knows`);
    // A misspelt field would only be warned of without `Strict`.
    const query = "dryRun=All&fieldValidation=Strict";
    const headers = { "content-type": "application/yaml" };
    const answer = await callApi(plane.access, "POST", `${path}?${query}`, text, headers);
    assert.equal(answer.status, 201, `${kind}: ${answer.text}`);
    assert.equal(answer.headers["warning"], undefined, kind);
  }
});

describe("examples", () => {
  for (const name of names) {
    it(`${name}.yaml has variables without misfit, and the Role that is known to suffice`, () => {
      const documents = documentsOf(`images/${name}.yaml`);
      const { containers, terminationGracePeriodSeconds } = specOf(documents);
      const [{ env = [], ports = [] } = {}] = containers;
      // What the kubelet puts in place of a `fieldRef` may be any text.
      const variables = env.map((one) => [one.name, one.value ?? "some-text"] as const);
      const { settings, misfits, warnings } = readSettings(Object.fromEntries(variables));
      assert.deepEqual([...misfits, ...warnings], []);
      assert.ok(terminationGracePeriodSeconds * 1000 > settings!.stopTimeoutMs, "stops in time");
      assert.equal(ports[0]?.containerPort, settings!.status?.port);
      assert.deepEqual(accessOf(documents), accessOf(documentsOf("deployment.yaml")));
    });
  }

  it("init-container.yaml starts what its init container has copied", (t) => {
    const { initContainers = [], containers } = specOf(documentsOf("images/init-container.yaml"));
    const [install, server] = [initContainers[0]!, containers[0]!];
    assert.equal(install.image, image);
    const volume = install.volumeMounts?.[0]?.mountPath ?? "";
    assert.equal(server.volumeMounts?.[0]?.mountPath, volume);
    const shared = temporaryFolder(t);
    const moved = (words: readonly string[] = []): string[] =>
      words.map((word) => word.replace(volume, shared));
    assert.equal(install.command, undefined, "the image's own entry point");
    execFileSync(nativeFile, moved(install.args));
    const [file = ""] = moved(server.command);
    assert.equal(execFileSync(file, ["--version"]).toString(), `${manifest.version}\n`);
  });

  it("Dockerfile copies what is in the image", () => {
    const text = readFileSync(join(folder, "Dockerfile"), "utf8");
    assert.ok(text.includes(`FROM ${image} AS entry-point\n`));
    const copied = [...text.matchAll(/^COPY --from=entry-point (\S+) /gmu)].map(([, path]) => path);
    assert.deepEqual(copied, ["/k8s-await-election", "/LICENSES.txt"]);
  });
});

function documentsOf(file: string): readonly ApiObject[] {
  const text = readFileSync(join(root, "examples", file), "utf8");
  // The package makes classes of the documents, and leaves out what it does not know.
  return JSON.parse(JSON.stringify(loadAllYaml(text))) as ApiObject[];
}

function specOf(documents: readonly ApiObject[]): PodSpec {
  return podOf(documents).spec as unknown as PodSpec;
}

function accessOf(documents: readonly ApiObject[]): readonly ApiObject[] {
  return documents.filter(({ kind }) => kind !== "Deployment");
}

/** What the workload's controller would make. */
function podOf(documents: readonly ApiObject[]): ApiObject {
  const workload = documents.find(({ kind }) => kind === "Deployment");
  const template = workload?.spec?.["template"] as ApiObject | undefined;
  assert.ok(template !== undefined, "there is a Deployment");
  const { metadata, spec } = template;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...metadata, name: "made-from-template" },
    ...(spec !== undefined && { spec }),
  };
}
