/**
 * A contestant whose hand-over time is known, to see that the harness measures what it says; and one
 * that cheats, if told to:
 *
 *     puppet [--claim-after-ms N] [--stop-after-release-ms N] -- COMMAND…
 *
 * It takes a Lease that nobody holds N ms after it saw that, and never one that somebody holds. On
 * SIGTERM it stops its command, and then lets the Lease go: in an honest order, unless it is to stop
 * only so long after the release. Variables are the entry point's.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { variable } from "./variable.ts";
import {
  type ApiAccess,
  type ApiObject,
  callApi,
  watchApi,
} from "../../test/support/api-client.ts";

const { values, positionals } = parseArgs({
  options: {
    "claim-after-ms": { type: "string", default: "0" },
    "stop-after-release-ms": { type: "string" },
  },
  allowPositionals: true,
});

const identity = variable("IDENTITY");
const folder = variable("SERVICE_ACCOUNT_DIR");
const access: ApiAccess = {
  url: `https://${process.env["KUBERNETES_SERVICE_HOST"]}:${process.env["KUBERNETES_SERVICE_PORT"]}`,
  caPem: readFileSync(join(folder, "ca.crt"), "utf8"),
  token: readFileSync(join(folder, "token"), "utf8"),
};
const lock = variable("LOCK_NAME");
const leases = `/apis/coordination.k8s.io/v1/namespaces/${variable("LOCK_NAMESPACE")}/leases`;
const renewMs = 1000 * Number(variable("RETRY_PERIOD"));

let lease: ApiObject = { metadata: { name: lock }, spec: {} };
const asked = new AbortController();
let isLeading = false;
process.once("SIGTERM", () => {
  if (!isLeading) process.exit(0);
  asked.abort();
});
process.stderr.write("joins\n");
// Whoever is not first finds it there.
const made = await callApi(access, "POST", leases, {
  metadata: { name: lock },
  spec: spec(identity),
});
if (made.status !== 201) await follow();
else lease = made.body;
await lead();
process.exit(0);

/** Returns once the Lease is its own. */
async function follow(): Promise<void> {
  const query = encodeURIComponent(`metadata.name=${lock}`);
  const watch = watchApi(access, `${leases}?watch=true&fieldSelector=${query}`);
  for await (const { object } of watch.events) {
    const { holderIdentity: holder = "" } = object.spec as { readonly holderIdentity?: string };
    if (holder !== "") {
      process.stderr.write(`follows ${holder}\n`);
      continue;
    }
    await pause(Number(values["claim-after-ms"]));
    lease = object;
    if (await write(identity)) return watch.close();
  }
}

async function lead(): Promise<void> {
  isLeading = true;
  const command = spawn(positionals[0] ?? "", positionals.slice(1), { stdio: "inherit" });
  for (let at = performance.now(); !asked.signal.aborted; ) {
    await pause(5);
    if (performance.now() - at < renewMs) continue;
    at = performance.now();
    await write(identity);
  }
  const cheatMs = values["stop-after-release-ms"];
  if (cheatMs !== undefined) {
    await write("");
    await pause(Number(cheatMs));
    return stop(command);
  }
  await stop(command);
  await write("");
}

/** Whether it was the version last known that was replaced. */
async function write(holder: string): Promise<boolean> {
  const body = { ...lease, spec: spec(holder) };
  const { status, body: written } = await callApi(access, "PUT", `${leases}/${lock}`, body);
  if (status !== 200) return false;
  lease = written;
  return true;
}

function spec(holderIdentity: string): ApiObject["spec"] {
  return { holderIdentity, renewTime: new Date().toISOString().replace("Z", "000Z") };
}

async function stop(command: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => command.once("exit", resolve));
  command.kill("SIGTERM");
  await ended;
}
