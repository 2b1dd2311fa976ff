/** Builds the elector in Go that the interoperability tests share a Lease with. */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The program, or in one line why there is none. */
export type BuiltElector =
  | { readonly path: string }
  | { readonly path: undefined; readonly reason: string };

// Found from where this module runs, which is dist/test/interop.
const root = fileURLToPath(new URL("../../../", import.meta.url));
const sources = join(root, "test/interop/client-go-elector");
const cache = join(root, ".cache");

const execute = promisify(execFile);

/**
 * Builds it once per state of its sources, and announces that in a line.
 *
 * @throws when there is Go and the build fails.
 */
export async function buildElector(
  announce: (line: string) => void = () => undefined,
): Promise<BuiltElector> {
  const path = join(cache, `client-go-elector-${await fingerprint()}`);
  if (existsSync(path)) return { path };
  if (!(await hasGo())) {
    return { path: undefined, reason: "no Go here: put `go`, 1.21 or later, on PATH" };
  }
  announce("building client-go-elector, once: this takes minutes where Go's own caches are cold");
  await mkdir(cache, { recursive: true });
  const part = `${path}.${process.pid}`;
  const build = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", part, "."];
  // Of two that come here at once, the second waits and then finds all in Go's cache.
  await execute("flock", [join(cache, "client-go-elector.lock"), ...build], {
    cwd: sources,
    env: { ...process.env, CGO_ENABLED: "0" },
  });
  await rename(part, path);
  return { path };
}

async function fingerprint(): Promise<string> {
  const hash = createHash("sha256");
  for (const name of ["go.mod", "go.sum", "main.go"]) {
    hash.update(await readFile(join(sources, name)));
  }
  return hash.digest("hex").slice(0, 16);
}

async function hasGo(): Promise<boolean> {
  try {
    await execute("go", ["version"]);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
