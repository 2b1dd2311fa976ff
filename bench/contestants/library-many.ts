/**
 * One process of a fleet: `library-many COUNT` campaigns for so many Leases in the library, and says in a
 * line of JSON whenever it has won or lost some.
 */
import { setTimeout as pause } from "node:timers/promises";
import { electors, type Term } from "./library.ts";
import { variable } from "./variable.ts";

const tellMs = 100;

const shutdown = new AbortController();
process.once("SIGTERM", () => shutdown.abort());
const { signal } = shutdown;

const count = Number(process.argv[2]);
const makeElector = await electors();
let [leading, lost] = [0, 0];
process.stderr.write("joins\n");
const campaigns = Array.from({ length: count }, async (_, at) => {
  const elector = makeElector(`${variable("LOCK_NAME")}-${at}`);
  await elector.campaign(lead, { signal, rejoin: true });
});
void tell();
await Promise.allSettled(campaigns);
process.exit(0);

/** Does nothing until it has to end. */
async function lead(term: Term): Promise<void> {
  leading += 1;
  await new Promise((resolve) => term.signal.addEventListener("abort", resolve));
  leading -= 1;
  if (!signal.aborted) lost += 1;
}

async function tell(): Promise<void> {
  for (let told = ""; ; await pause(tellMs)) {
    const line = JSON.stringify({ leading, lost });
    if (line !== told) process.stdout.write(`${line}\n`);
    told = line;
  }
}
