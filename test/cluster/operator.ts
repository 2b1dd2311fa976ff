/** What somebody with all rights does to a running election: looks, edits, deletes. */
import { callApi, type ApiAccess, type ApiObject } from "../support/api-client.ts";
import type { PodReference } from "./objects.ts";
import type { PolicyRule } from "./roles.ts";

export interface Operator {
  lease(): Promise<ApiObject>;
  holder(): Promise<unknown>;
  /** Changes fields of the record whatever its version is, as `kubectl patch` does. */
  patchLease(spec: Readonly<Record<string, unknown>>): Promise<void>;
  deleteLease(): Promise<void>;
  deletePod(pod: PodReference): Promise<void>;
  setRules(role: string, rules: readonly PolicyRule[]): Promise<void>;
  /** @throws where the answer is no 2xx. */
  call(method: string, path: string, body?: unknown): Promise<ApiObject>;
}

export function operatorOf(access: ApiAccess, namespace: string, lockName: string): Operator {
  const lease = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${lockName}`;
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`;
  async function call(method: string, path: string, body?: unknown): Promise<ApiObject> {
    const answer = await callApi(access, method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  }
  return {
    lease: () => call("GET", lease),
    holder: async () => (await call("GET", lease)).spec?.["holderIdentity"],
    patchLease: async (spec) => void (await call("PATCH", lease, { spec })),
    deleteLease: async () => void (await call("DELETE", lease)),
    deletePod: async ({ name }) => void (await call("DELETE", `${pods}/${name}`)),
    setRules: async (role, rules) => void (await call("PATCH", `${roles}/${role}`, { rules })),
    call,
  };
}
