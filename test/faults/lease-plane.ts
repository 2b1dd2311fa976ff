/**
 * The embedded API server in the place of a control plane: what is done to a Lease on the real
 * kube-apiserver is done to it here by the same functions.
 *
 * It knows no pods and no Roles: a pod is a user of its own, and everybody may do everything.
 */
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Answer } from "../../src/api-server/replies.ts";
import type { ApiRequest } from "../../src/api-server/requests.ts";
import { serveApi } from "../../src/api-server/serve.ts";
import { ApiStore } from "../../src/api-server/store.ts";
import type { ControlPlane } from "../cluster/control-plane.ts";
import type { ApiObject } from "../support/api-client.ts";
import { makeCertificates } from "../support/certificates.ts";

/** Sees each request of a pod first, and answers it itself where it returns true. */
export type Meddler = (request: ApiRequest, response: ServerResponse) => boolean;

export interface EmbeddedPlane extends ControlPlane {
  readonly store: ApiStore;
  /** For the requests about the Leases of one namespace; the last one given counts. */
  meddle(namespace: string, meddler: Meddler): void;
  /** Answers as the store does, and tells with which status. */
  answer(request: ApiRequest, response: ServerResponse): number;
}

const namespaces: readonly string[] = Array.from({ length: 50 }, (_, at) => `election-${at}`);

const adminToken = "admin";

export async function startEmbeddedPlane(): Promise<EmbeddedPlane> {
  const { caPem, certPem, keyPem } = await makeCertificates();
  const store = new ApiStore({ namespaces, tokens: { [adminToken]: "admin" } });
  const meddlers = new Map<string, Meddler>();
  const intercept = (request: ApiRequest, response: ServerResponse): boolean => {
    if (request.token !== adminToken) {
      const [, namespace = ""] = /\/namespaces\/([^/?]+)\/leases/.exec(request.path) ?? [];
      return meddlers.get(namespace)?.(request, response) === true;
    }
    if (request.method !== "PATCH") return false;
    const { status, headers, body } = patch(store, request);
    response.writeHead(status, headers).end(body);
    return true;
  };
  const tls = { key: keyPem, cert: certPem };
  const api = await serveApi(store, { tls, bookmarkMs: 1000, intercept });
  const unused = [...namespaces];
  return {
    store,
    meddle: (namespace, meddler) => void meddlers.set(namespace, meddler),
    answer(request, response) {
      const { status, headers, body } = ask(store, request);
      response.writeHead(status, headers).end(body);
      return status;
    },
    access: { url: api.url, caPem, token: adminToken },
    host: "127.0.0.1",
    port: api.port,
    get processIds(): never {
      throw new Error("The embedded API server is no process of its own");
    },
    namespace: () => Promise.resolve(unused.shift() ?? ""),
    serviceAccount: () => Promise.resolve(),
    pod: (_, name) => Promise.resolve({ name, uid: randomUUID() }),
    token(_, account, { pod } = {}) {
      const token = randomUUID();
      store.admit(token, pod?.name ?? account);
      return Promise.resolve(token);
    },
    restartApiServer: () => Promise.reject(new Error("The embedded API server never restarts")),
    close: () => api.close(),
  };
}

/** Changes members of `spec`, as an operator's merge patch does, which the store does not serve. */
function patch(store: ApiStore, { path, body: patched = "" }: ApiRequest): Answer {
  const as = { path, token: adminToken };
  const object = JSON.parse(ask(store, { ...as, method: "GET" }).body) as ApiObject;
  const { spec } = JSON.parse(patched) as ApiObject;
  const body = JSON.stringify({ ...object, spec: { ...object.spec, ...spec } });
  return ask(store, { ...as, method: "PUT", body });
}

function ask(store: ApiStore, request: ApiRequest): Answer {
  const answer = store.handle(request, Date.now());
  if (answer.type === "stream") throw new Error("A watch is answered by the server itself");
  return answer;
}
