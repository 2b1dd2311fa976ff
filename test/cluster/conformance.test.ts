import { conformance, coordinatedConformance } from "../api-server/conformance.ts";
import type { OpenServer } from "../api-server/room.ts";
import { startControlPlane } from "./control-plane.ts";

conformance("real kube-apiserver", () => open([]));

coordinatedConformance("real kube-apiserver with coordinated election", () =>
  open([
    "--feature-gates=CoordinatedLeaderElection=true",
    "--runtime-config=coordination.k8s.io/v1beta1=true",
  ]),
);

async function open(apiServerFlags: readonly string[]): Promise<OpenServer> {
  const plane = await startControlPlane({ apiServerFlags });
  const namespace = await plane.namespace("conformance");
  await plane.serviceAccount(namespace, "stranger", []);
  const token = await plane.token(namespace, "stranger");
  return {
    access: plane.access,
    namespace,
    stranger: {
      access: { ...plane.access, token },
      user: `system:serviceaccount:${namespace}:stranger`,
    },
    // Its history is a cache that begins anew.
    forget: () => plane.restartApiServer(),
    close: () => plane.close(),
  };
}
