/**
 * The start lock of a pod for one Lease (contract L8): an abstract Unix socket, which belongs to
 * the network namespace, that is to the pod, and which the kernel frees when its owner is gone.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { createServer } from "node:net";

interface Options {
  readonly podUid: string;
  readonly namespace: string;
  readonly leaseName: string;
  /** Where the kernel shows the network settings of this process's own namespace. */
  readonly settingsFolder?: string;
}

/**
 * Binds the lock for life. True only when it is ours and the network namespace is surely not the
 * machine's, in which other processes could stand in the way or stand in for us.
 */
export async function holdStartLock(options: Options): Promise<boolean> {
  return hasOwnNetwork(options.settingsFolder) && (await bind(lockPath(options)));
}

/**
 * Whether this is another network namespace than the machine's first one. The kernel shows
 * `netdev_max_backlog` and `dev_weight`, which are the machine's, only in the first namespace, and
 * `somaxconn` in every one: its presence says that the folder can be believed.
 */
function hasOwnNetwork(folder: string = "/proc/sys/net/core"): boolean {
  return (
    existsSync(`${folder}/somaxconn`) &&
    !existsSync(`${folder}/netdev_max_backlog`) &&
    !existsSync(`${folder}/dev_weight`)
  );
}

/**
 * The name fills the 107 bytes after the zero byte exactly: some versions of libuv bind the name
 * alone and some pad it with zero bytes, and those would be two different sockets.
 */
function lockPath({ podUid, namespace, leaseName }: Options): string {
  const digest = createHash("sha512").update(JSON.stringify([podUid, namespace, leaseName]));
  return `\0k8s-await-election/${digest.digest("hex")}`.slice(0, 108);
}

function bind(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.on("error", () => resolve(false));
    server.listen({ path }, () => resolve(true));
    server.unref();
  });
}
