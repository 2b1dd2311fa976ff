/** Builds the programs in Go that tests need: what is the judge of us must not be our own. */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The program, or in one line why there is none. */
export type GoProgram =
  | { readonly path: string }
  | { readonly path: undefined; readonly reason: string };

// Found from where this module runs, which is dist/test/support.
const root = fileURLToPath(new URL("../../../", import.meta.url));
const cache = join(root, ".cache");

const execute = promisify(execFile);

/** The elector that the interoperability tests share a Lease with. */
export function buildElector(announce?: (line: string) => void): Promise<GoProgram> {
  return build("test/interop/client-go-elector", announce);
}

/** What reads our metrics as Prometheus does. */
export function buildJudge(announce?: (line: string) => void): Promise<GoProgram> {
  return build("test/metrics/prometheus-judge", announce);
}

/**
 * Builds it once per state of its sources, and announces that in a line.
 *
 * @throws when there is Go and the build fails.
 */
async function build(
  folder: string,
  announce: (line: string) => void = () => undefined,
): Promise<GoProgram> {
  const sources = join(root, folder);
  const name = basename(folder);
  const path = join(cache, `${name}-${await fingerprint(sources)}`);
  if (existsSync(path)) return { path };
  if (!(await hasGo())) {
    return { path: undefined, reason: "no Go here: put `go`, 1.21 or later, on PATH" };
  }
  announce(`building ${name}, once: this takes minutes where Go's own caches are cold`);
  await mkdir(cache, { recursive: true });
  const part = `${path}.${process.pid}`;
  const words = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", part, "."];
  // Of two that come here at once, the second waits and then finds all in Go's cache.
  await execute("flock", [join(cache, `${name}.lock`), ...words], {
    cwd: sources,
    env: { ...process.env, CGO_ENABLED: "0" },
  });
  await rename(part, path);
  return { path };
}

async function fingerprint(sources: string): Promise<string> {
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
