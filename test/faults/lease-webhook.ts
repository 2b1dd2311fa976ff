/** An admission webhook before the Leases of one namespace: what an operator's policies look like. */
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { callApi, type ApiAccess } from "../support/api-client.ts";
import { makeCertificates } from "../support/certificates.ts";

export interface Webhook {
  /** Lets every write through, denies it, or breaks the connection without an answer. */
  mode: "allow" | "deny" | "break";
  close(): Promise<void>;
}

const configurations = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

/** How soon kube-apiserver asks it first is for the test to wait for. */
export async function openWebhook(
  access: ApiAccess,
  namespace: string,
  mode: Webhook["mode"],
): Promise<Webhook> {
  const { caPem, certPem, keyPem } = await makeCertificates();
  const server = createServer({ key: keyPem, cert: certPem }, (request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (part: string) => {
      text += part;
    });
    request.once("end", () => {
      if (webhook.mode === "break") return void request.destroy();
      const { request: asked } = JSON.parse(text) as { readonly request: { readonly uid: string } };
      const allowed = webhook.mode === "allow";
      const { uid } = asked;
      const status = allowed ? {} : { status: { message: "not before the audit" } };
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({
          apiVersion: "admission.k8s.io/v1",
          kind: "AdmissionReview",
          response: { uid, allowed, ...status },
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const path = `${configurations}/${namespace}`;
  const webhook: Webhook = {
    mode,
    async close() {
      await callApi(access, "DELETE", path);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const answer = await callApi(access, "POST", configurations, {
    metadata: { name: namespace },
    webhooks: [
      {
        name: "guard.example.com",
        clientConfig: {
          url: `https://127.0.0.1:${port}/`,
          caBundle: Buffer.from(caPem).toString("base64"),
        },
        rules: [
          {
            apiGroups: ["coordination.k8s.io"],
            apiVersions: ["v1"],
            operations: ["CREATE", "UPDATE"],
            resources: ["leases"],
          },
        ],
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
        failurePolicy: "Fail",
        sideEffects: "None",
        admissionReviewVersions: ["v1"],
        timeoutSeconds: 1,
      },
    ],
  });
  if (answer.status !== 201) throw new Error(`Cannot add the webhook: ${answer.text}`);
  return webhook;
}
