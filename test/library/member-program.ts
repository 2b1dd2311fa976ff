/**
 * A process that campaigns, driven by a test: what it shall do comes as messages, what happened goes
 * back as messages with the suspend-counting clock, and its function beats into a journal as the oracle
 * command does.
 */
import { appendFileSync } from "node:fs";
import { uptime } from "node:os";
import { KubeConfig } from "@kubernetes/client-node";
import { LeaderElector, type Term } from "../../src/library/index.ts";
import { createClock, settle } from "../../src/node/clock.ts";
import type { MemberEvent, MemberOptions, MemberOrder } from "./member.ts";

const { kubeconfig, lease, identity, durations, journal, onOverrun, rejoin, temper } = JSON.parse(
  process.argv[2] ?? "",
) as MemberOptions;
const clock = createClock();
settle(clock);
const config = new KubeConfig();
config.loadFromString(kubeconfig);

const elector = new LeaderElector({
  lease,
  identity,
  kubeConfig: config,
  logger: { error: log, warn: log, info: log, debug() {} },
  ...(durations === undefined ? {} : { durations }),
  ...(onOverrun === undefined ? {} : { onOverrun }),
});
const stop = new AbortController();
let present: Term | undefined;

process.on("message", (order: MemberOrder) => {
  switch (order.type) {
    case "resign":
      return present?.resign();
    case "stop":
      return stop.abort(new Error("stopped by the test"));
    case "block":
      return block(order.ms);
  }
});

async function lead(term: Term): Promise<void> {
  present = term;
  tell("start", { token: term.fencingToken });
  beat("start", term);
  const beats = setInterval(() => beat("beat", term), 5);
  const aborted = new Promise<void>((resolve) => {
    term.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await aborted;
  tell("abort", { token: term.fencingToken, text: String(term.signal.reason) });
  // A function that does not stop keeps on beating.
  if (temper === "deaf") await new Promise(() => {});
  clearInterval(beats);
  beat("stop", term);
  tell("end", { token: term.fencingToken });
}

function beat(what: string, { fencingToken: token }: Term): void {
  if (journal === undefined) return;
  const atMs = uptime() * 1000;
  const entry = { what, role: "command", token, pid: process.pid, atMs };
  appendFileSync(journal, `${JSON.stringify(entry)}\n`);
}

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

function log(text: string): void {
  tell("log", { text });
}

function tell(event: MemberEvent["event"], more: Partial<MemberEvent> = {}): void {
  process.send?.({ event, atMs: clock.now().instant, ...more } satisfies MemberEvent);
}

tell("ready");
await elector.campaign(lead, { signal: stop.signal, rejoin: rejoin ?? true }).then(
  () => tell("done"),
  (error: unknown) => tell("done", { text: String(error) }),
);
await elector.close();
process.disconnect();
