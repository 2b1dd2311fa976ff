/**
 * The command of the demo: `worker JOURNAL REPLICA`.
 *
 * It stamps its life into the journal, serves a page that says who it is, and takes a while to stop
 * after SIGTERM, as a real server does that finishes its requests. Of the entry point it knows only
 * the fencing token.
 */
import { openSync, writeSync } from "node:fs";
import { nowNs, settle } from "./clock.ts";
import { beatMs, type Entry } from "./journal.ts";

const bornNs = settle();
const [, , journal = "", replica = ""] = process.argv;
const token = process.env["K8S_AWAIT_ELECTION_FENCING_TOKEN"] ?? "";
const stopMs = 200;

// One short write at the end of the file: lines of several commands do not mix.
const descriptor = openSync(journal, "a");
note("start", bornNs);
setInterval(() => note("beat"), beatMs);
process.once("SIGTERM", () => {
  setTimeout(() => {
    note("stop");
    process.exit(0);
  }, stopMs);
});
await servePage();

function note(what: Entry["what"], atNs: number = nowNs(), port?: number): void {
  const entry: Entry = {
    what,
    replica,
    pid: process.pid,
    token,
    ...(port === undefined ? {} : { port }),
    atNs,
  };
  writeSync(descriptor, `${JSON.stringify(entry)}\n`);
}

async function servePage(): Promise<void> {
  // Loaded after the first stamp: what it costs is not part of a gap.
  const { createServer } = await import("node:http");
  const server = createServer((_request, response) => {
    const seconds = ((nowNs() - bornNs) / 1e9).toFixed(1);
    response.setHeader("content-type", "text/plain; charset=utf-8");
    response.end(`${replica} leads with token ${token} for ${seconds} s.\n`);
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (typeof address === "object" && address !== null) note("beat", nowNs(), address.port);
  });
}
