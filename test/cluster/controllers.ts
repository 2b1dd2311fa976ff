/** The real kube-controller-manager beside a control plane, with the controllers that a test names. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ControlPlane } from "./control-plane.ts";
import { createServerFolder } from "./server-processes.ts";

export interface Controllers {
  close(): Promise<void>;
}

/** @throws when `KUBEBUILDER_ASSETS` does not name a folder with kube-controller-manager. */
export async function startControllers(
  plane: ControlPlane,
  names: readonly string[],
): Promise<Controllers> {
  const assets = process.env["KUBEBUILDER_ASSETS"] ?? "";
  const folder = await createServerFolder();
  const { url, token, caPem } = plane.access;
  const kubeconfig = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "admin",
    contexts: [{ name: "admin", context: { cluster: "plane", user: "admin" } }],
    clusters: [
      {
        name: "plane",
        cluster: {
          server: url,
          "certificate-authority-data": Buffer.from(caPem ?? "").toString("base64"),
        },
      },
    ],
    users: [{ name: "admin", user: { token } }],
  };
  await writeFile(join(folder.path, "kubeconfig"), JSON.stringify(kubeconfig), { mode: 0o600 });
  folder.start("kube-controller-manager", join(assets, "kube-controller-manager"), [
    "--kubeconfig=kubeconfig",
    `--controllers=${names.join(",")}`,
    "--leader-elect=false",
    "--secure-port=0",
  ]);
  return { close: () => folder.close() };
}
