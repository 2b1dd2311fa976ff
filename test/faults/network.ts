/** The embedded API server over TLS, with a hearing for every token before it answers. */
import type { ServeOptions } from "../../src/api-server/serve.ts";
import { serveApi } from "../../src/api-server/serve.ts";
import { ApiStore } from "../../src/api-server/store.ts";
import type { ApiObject } from "../support/api-client.ts";
import {
  type Authority,
  type CertificateOptions,
  createAuthority,
} from "../support/certificates.ts";
import type { Target } from "../support/proxy.ts";

export type Hear = NonNullable<ServeOptions["intercept"]>;

export interface Network extends Target {
  readonly store: ApiStore;
  /** Who has issued the server's certificate. */
  readonly authority: Authority;
  /** From now on the token is good, and what comes with it is heard first. */
  admit(token: string, user: string, hear: Hear): void;
  /** Asks about a Lease (`/name`) as an operator who may do everything. */
  ask(method: string, path: string, body?: object): { status: number; body: ApiObject };
  /** Serves the same objects on one more port, with this certificate. */
  serve(certificate: { readonly certPem: string; readonly keyPem: string }): Promise<Target>;
  close(): Promise<void>;
}

const host = "127.0.0.1";
const leasesPath = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const adminToken = "admin";

export async function openNetwork(options: CertificateOptions = {}): Promise<Network> {
  const store = new ApiStore({ tokens: { [adminToken]: "admin" } });
  const hearings = new Map<string, Hear>();
  const closings: (() => Promise<void>)[] = [];
  const authority = await createAuthority();
  const serve: Network["serve"] = async ({ certPem: cert, keyPem: key }) => {
    const api = await serveApi(store, {
      tls: { key, cert },
      bookmarkMs: 1000,
      intercept: (request, response) =>
        hearings.get(request.token ?? "")?.(request, response) ?? false,
    });
    closings.push(() => api.close());
    return { host, port: api.port };
  };
  const { port } = await serve(await authority.issue(options));
  return {
    host,
    port,
    store,
    authority,
    admit(token, user, hear) {
      store.admit(token, user);
      hearings.set(token, hear);
    },
    ask(method, path, body) {
      const sent = body === undefined ? {} : { body: JSON.stringify(body) };
      const request = { method, path: `${leasesPath}${path}`, token: adminToken, ...sent };
      const answer = store.handle(request, Date.now());
      if (answer.type === "stream") throw new Error("Only a watch is a stream");
      return { status: answer.status, body: JSON.parse(answer.body) as ApiObject };
    },
    serve,
    async close() {
      await Promise.all(closings.map((close) => close()));
    },
  };
}
