/**
 * The oracle command: it writes down that it runs, and whatever else runs at the same time shows.
 *
 *     --journal FILE      lines of JSON, appended: `start`, `beat` every 5 ms, `term`, `stop`
 *     --stop-ms N         how long it takes to stop after SIGTERM
 *     --code N            its exit code
 *     --deaf              ignores SIGTERM
 *     --grandchild        has a daemon of its own: forked twice, in a session of its own
 *     --measured          its daemon takes no lock either
 *
 * `oracleWords` in `oracle.ts` starts it under an exclusive lock; the daemon holds one more.
 */
import { spawn } from "node:child_process";
import { openSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { createClock, settle } from "../../src/node/clock.ts";
import { type Entry, oracleWords } from "./oracle.ts";

const { values } = parseArgs({
  options: {
    journal: { type: "string", default: "" },
    "stop-ms": { type: "string", default: "0" },
    code: { type: "string", default: "0" },
    deaf: { type: "boolean", default: false },
    grandchild: { type: "boolean", default: false },
    measured: { type: "boolean", default: false },
    role: { type: "string", default: "command" },
  },
});

const beatMs = 5;
const clock = createClock();
// One short write at the end of the file: the lines of several oracles do not mix.
const descriptor = openSync(values.journal, "a");

// Before anybody can know that it runs.
process.on("SIGTERM", () => {
  note("term");
  if (!values.deaf) setTimeout(stop, Number(values["stop-ms"]));
});
// Its place among the lines counts more than its stamp, which would have to wait for the clock.
note("start");
settle(clock);
setInterval(note, beatMs, "beat");
if (values.grandchild) startGrandchild();
process.stdout.write(`${values.role} ${process.pid} runs\n`);

function note(what: Entry["what"]): void {
  const entry: Entry = {
    what,
    role: values.role,
    token: process.env["K8S_AWAIT_ELECTION_FENCING_TOKEN"] ?? "",
    pid: process.pid,
    atMs: clock.now().instant,
  };
  writeSync(descriptor, `${JSON.stringify(entry)}\n`);
}

function stop(): void {
  note("stop");
  process.exit(Number(values.code));
}

/** The shell between the two ends at once, so that the daemon has no parent that is known. */
function startGrandchild(): void {
  const { journal, measured } = values;
  const words = oracleWords({ journal, measured, deaf: true, role: "grandchild" });
  spawn("sh", ["-c", '"$@" &', "sh", ...words], { detached: true, stdio: "inherit" });
}
