/** What a container in a pod sees of the cluster: the files of its ServiceAccount, its environment. */

import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ServiceAccountFiles {
  readonly token: string;
  readonly caPem: string;
  readonly namespace: string;
}

export interface ServiceAccountMount {
  /** The folder with `token`, `ca.crt` and `namespace`. */
  readonly folder: string;
  /** Replaces the token, all files at once, as the kubelet does at 80 % of a token's life. */
  rotate(token: string): Promise<void>;
  remove(): Promise<void>;
}

/**
 * Writes the files as the kubelet's AtomicWriter does: each name is a link into `..data`, itself a
 * link to a folder that is never changed, only replaced by a rename over `..data`.
 */
export async function mountServiceAccount(
  files: ServiceAccountFiles,
): Promise<ServiceAccountMount> {
  const folder = await mkdtemp(join(tmpdir(), "serviceaccount-"));
  let version = 0;
  const publish = async (token: string): Promise<void> => {
    const previous = `..version-${version}`;
    version += 1;
    const next = `..version-${version}`;
    await mkdir(join(folder, next));
    await writeFile(join(folder, next, "token"), token);
    await writeFile(join(folder, next, "ca.crt"), files.caPem);
    await writeFile(join(folder, next, "namespace"), files.namespace);
    await symlink(next, join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
    await rm(join(folder, previous), { recursive: true, force: true });
  };
  await publish(files.token);
  for (const name of ["token", "ca.crt", "namespace"]) {
    await symlink(join("..data", name), join(folder, name));
  }
  return {
    folder,
    rotate: publish,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The environment of a process in that pod, beside what the caller gives it. */
export function clusterEnvironment(
  server: { readonly host: string; readonly port: number },
  mount: ServiceAccountMount,
): Readonly<Record<string, string>> {
  return {
    KUBERNETES_SERVICE_HOST: server.host,
    KUBERNETES_SERVICE_PORT: String(server.port),
    K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR: mount.folder,
  };
}
