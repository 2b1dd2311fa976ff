import { serveApi } from "../../src/api-server/serve.ts";
import { ApiStore } from "../../src/api-server/store.ts";
import { makeCertificates } from "../support/certificates.ts";
import { conformance, coordinatedConformance } from "./conformance.ts";
import type { OpenServer } from "./room.ts";

conformance("embedded API server", () => open(false));

coordinatedConformance("embedded API server with coordinated election", () => open(true));

async function open(coordinatedLeaderElection: boolean): Promise<OpenServer> {
  const { caPem, certPem, keyPem } = await makeCertificates();
  const user = "system:serviceaccount:default:stranger";
  const tokens = { everything: "admin", nothing: user };
  const store = new ApiStore({ tokens, coordinatedLeaderElection });
  store.deny({ user });
  const served = await serveApi(store, { tls: { key: keyPem, cert: certPem } });
  const access = { url: served.url, caPem, token: "everything" };
  return {
    access,
    namespace: "default",
    stranger: { access: { ...access, token: "nothing" }, user },
    async forget() {
      store.compact();
    },
    close: () => served.close(),
  };
}
