/** A PostgreSQL server of a test's own: in a folder, on a Unix socket. */
import { execFileSync, spawn } from "node:child_process";
import { chownSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { until } from "../../cluster/until.ts";
import { contentOf, endProcess, temporaryFolder } from "../../support/processes.ts";

/** Debian keeps the server's programs beside the path, a folder for each version. */
const versions = "/usr/lib/postgresql";

/** Where they are; nothing where PostgreSQL is not installed. */
export function findPostgres(): string | undefined {
  try {
    const newest = readdirSync(versions).sort((a, b) => Number(b) - Number(a))[0];
    return newest === undefined ? undefined : join(versions, newest, "bin");
  } catch {
    return undefined;
  }
}

/** What a client's environment has to say to reach it. */
export async function startPostgres(t: TestContext, programs: string): Promise<NodeJS.ProcessEnv> {
  const folder = temporaryFolder(t);
  const isRoot = process.getuid?.() === 0;
  // It refuses to be root.
  const nobody = 65_534;
  if (isRoot) chownSync(folder, nobody, nobody);
  const ids = [`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
  const as = isRoot ? ["setpriv", ...ids, "--"] : [];
  const data = join(folder, "data");
  mkdirSync(data);
  if (isRoot) chownSync(data, nobody, nobody);
  const [program, ...words] = [...as, join(programs, "initdb")];
  const options = ["--username=test", "--auth=trust", "--no-sync", "--pgdata", data];
  execFileSync(program, [...words, ...options], { stdio: "ignore", cwd: "/" });
  const [server, ...rest] = [...as, join(programs, "postgres")];
  const settings = ["-c", "fsync=off", "-c", "listen_addresses="];
  const child = spawn(server, [...rest, "-D", data, "-k", folder, ...settings], {
    stdio: "ignore",
    cwd: "/",
  });
  t.after(() => endProcess(child.pid));
  await until("PostgreSQL", () =>
    /\bready\b/.test(contentOf(join(data, "postmaster.pid"))) ? true : undefined,
  );
  return { PGHOST: folder, PGUSER: "test", PGDATABASE: "postgres" };
}
