/** The objects around a pod, made through the API as an administrator makes them. */

import { callApi, type ApiAccess, type ApiObject } from "../support/api-client.ts";
import type { PolicyRule } from "./roles.ts";
import { until } from "./until.ts";

export interface PodReference {
  readonly name: string;
  readonly uid: string;
}

export interface TokenOptions {
  /** At least 600, the least that the API server takes. */
  readonly expirationSeconds?: number;
  /** The token ends with this pod, as the one in a pod's files does. */
  readonly pod?: PodReference;
}

const rbac = "rbac.authorization.k8s.io";

/** @returns the name, which is `prefix` with a random ending. */
export async function createNamespace(access: ApiAccess, prefix: string): Promise<string> {
  const made = await create(access, "/api/v1/namespaces", {
    metadata: { generateName: `${prefix}-` },
  });
  return made.metadata?.name ?? "";
}

/** Makes the ServiceAccount with a Role and a RoleBinding of its name, and waits until they count. */
export async function createServiceAccount(
  access: ApiAccess,
  namespace: string,
  name: string,
  rules: readonly PolicyRule[],
): Promise<void> {
  const metadata = { name };
  const roles = `/apis/${rbac}/v1/namespaces/${namespace}`;
  await create(access, `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata });
  await create(access, `${roles}/roles`, { metadata, rules });
  await create(access, `${roles}/rolebindings`, {
    metadata,
    roleRef: { apiGroup: rbac, kind: "Role", name },
    subjects: [{ kind: "ServiceAccount", namespace, name }],
  });
  const [first] = rules;
  if (first === undefined) return;
  // The authorizer learns of a binding through a watch of its own, some milliseconds later.
  await until(`the rights of ${namespace}/${name}`, async () =>
    (await isAllowed(access, namespace, name, first)) ? true : undefined,
  );
}

/** A pod that no kubelet will ever start; without a node, its deletion is immediate. */
export async function createPod(
  access: ApiAccess,
  namespace: string,
  name: string,
  serviceAccountName: string,
): Promise<PodReference> {
  const made = await create(access, `/api/v1/namespaces/${namespace}/pods`, {
    metadata: { name },
    spec: { serviceAccountName, containers: [{ name: "main", image: "none" }] },
  });
  return { name, uid: made.metadata?.uid ?? "" };
}

/** A token by the TokenRequest API, as the kubelet gets the one for a pod. */
export async function requestToken(
  access: ApiAccess,
  namespace: string,
  serviceAccount: string,
  { expirationSeconds = 3600, pod }: TokenOptions = {},
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
  const bound = pod && { boundObjectRef: { apiVersion: "v1", kind: "Pod", ...pod } };
  const made = await create(access, path, { spec: { expirationSeconds, ...bound } });
  const { token } = made.status as { readonly token: string };
  return token;
}

async function isAllowed(
  access: ApiAccess,
  namespace: string,
  serviceAccount: string,
  rule: PolicyRule,
): Promise<boolean> {
  const review = await create(access, "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
    spec: {
      user: `system:serviceaccount:${namespace}:${serviceAccount}`,
      resourceAttributes: {
        namespace,
        verb: rule.verbs[0],
        group: rule.apiGroups[0],
        resource: rule.resources[0],
        name: rule.resourceNames?.[0],
      },
    },
  });
  return (review.status as { readonly allowed: boolean }).allowed;
}

async function create(access: ApiAccess, path: string, object: unknown): Promise<ApiObject> {
  const { status, body, text } = await callApi(access, "POST", path, object);
  if (status !== 201) throw new Error(`Cannot create at ${path}: ${status} ${text}`);
  return body;
}
