/**
 * The library in front of a command: `library-worker COMMAND…`. Variables are the entry point's.
 *
 * Work that is done in the process itself ends with it; so does the command here.
 */
import { spawn } from "node:child_process";
import { electors, type Term } from "./library.ts";
import { variable } from "./variable.ts";

/** After SIGTERM; the hard deadline is a second or more behind the signal. */
const killAfterMs = 500;

const shutdown = new AbortController();
process.once("SIGTERM", () => shutdown.abort());

const elector = (await electors())(variable("LOCK_NAME"));
process.stderr.write("joins\n");
void tellLeaders();
const { signal } = shutdown;
let code = 0;
try {
  await elector.campaign(runCommand, { signal, rejoin: true });
} catch (error) {
  if (!signal.aborted) throw error;
}
process.exit(code);

async function runCommand({ signal, fencingToken }: Term): Promise<void> {
  const env = { ...process.env, K8S_AWAIT_ELECTION_FENCING_TOKEN: fencingToken };
  const words = ["--pdeathsig", "KILL", "--", ...process.argv.slice(2)];
  const command = spawn("setpriv", words, { env, stdio: "inherit" });
  const ended = new Promise<number>((resolve) =>
    command.once("exit", (code) => resolve(code ?? 1)),
  );
  const stop = () => {
    command.kill("SIGTERM");
    setTimeout(() => command.kill("SIGKILL"), killAfterMs).unref();
  };
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  const result = await ended;
  if (signal.aborted) return;
  code = result;
  shutdown.abort();
}

async function tellLeaders(): Promise<void> {
  try {
    for await (const { identity } of elector.observe({ signal: shutdown.signal })) {
      process.stderr.write(`follows ${identity}\n`);
    }
  } catch (error) {
    if (!shutdown.signal.aborted) throw error;
  }
}
