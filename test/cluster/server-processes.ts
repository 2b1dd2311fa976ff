/**
 * Servers that cannot outlive the test process, in a folder that cannot either.
 *
 * The kernel kills a server when the process that started it ends, however that happens
 * (`setpriv --pdeathsig`). The folder goes when its sweeper, a shell waiting on a pipe from us,
 * reads the end of that pipe: we closed it, or we are no more.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ServerFolder {
  readonly path: string;
  /** Starts a program in the folder, with `<name>.log` there as its log. */
  start(name: string, program: string, args: readonly string[]): ServerProcess;
  /** Ends all that was started here and removes the folder. */
  close(): Promise<void>;
}

export interface ServerProcess {
  readonly pid: number;
  /** @throws once the process has ended, with the last lines of its log. */
  assertAlive(): Promise<void>;
  /** Ends it with SIGKILL; nothing here is worth a tidy end. */
  kill(): Promise<void>;
}

// Our end of the pipe closes a moment before the kernel kills the servers, so the last of them may
// still write into the folder during the first removal.
const sweep = 'cat >/dev/null; for try in 1 2 3 4 5; do rm -rf "$0" && exit 0; sleep 0.2; done';

export async function createServerFolder(): Promise<ServerFolder> {
  const path = await mkdtemp(join(tmpdir(), "control-plane-"));
  const sweeper = spawn("sh", ["-c", sweep, path], {
    detached: true, // a Ctrl-C at the terminal must not reach it
    stdio: ["pipe", "ignore", "ignore"],
  });
  sweeper.unref();
  const swept = ended(sweeper);
  const servers: ServerProcess[] = [];
  return {
    path,
    start(name, program, args) {
      const server = startServer(path, name, program, args);
      servers.push(server);
      return server;
    },
    async close() {
      await Promise.all(servers.map((server) => server.kill()));
      sweeper.ref();
      sweeper.stdin.end();
      await swept;
    },
  };
}

function startServer(
  folder: string,
  name: string,
  program: string,
  args: readonly string[],
): ServerProcess {
  const logFile = join(folder, `${name}.log`);
  const log = openSync(logFile, "a");
  // setpriv replaces itself by the program, so the process id is the program's own.
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", program, ...args], {
    cwd: folder,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  // A test that forgets to close fails or passes; it does not hang.
  child.unref();
  const end = ended(child);
  let endedHow: string | undefined;
  void end.then((how) => {
    endedHow = how;
  });
  return {
    pid: child.pid ?? 0,
    async assertAlive() {
      if (endedHow === undefined) return;
      const lines = (await readFile(logFile, "utf8")).trimEnd().split("\n").slice(-5);
      throw new Error(`Cannot run ${name}: it ended with ${endedHow}.\n${lines.join("\n")}`);
    },
    async kill() {
      child.ref();
      child.kill("SIGKILL");
      await end;
    },
  };
}

/**
 * A free port of the loopback interface, below the range from which the kernel gives ports to
 * outgoing connections: it cannot be taken by one before the server binds it.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await canBind(port)) return port;
  }
  throw new Error("Cannot find a free port: 100 ports between 20000 and 32000 were all taken.");
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

function ended(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`));
    child.once("error", (error) => resolve(error.message));
  });
}
