/**
 * N23: a follower whose watch lies, in words or by silence. It takes nothing over while the leader
 * lives, and takes over in time when the leader does not.
 */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import type { Timing } from "../../src/core/timing.ts";
import type { ApiObject } from "../support/api-client.ts";
import type { Network } from "./network.ts";
import { short, Team } from "./team.ts";

export type WatchFault =
  | "410 Gone"
  | "an ERROR event"
  | "a reset every second"
  | "old events replayed"
  | "a silent stall"
  | "bookmarks alone";

interface Fault {
  /** Answers a watch, or lets the server do it. */
  readonly stream: (response: ServerResponse, lease: ApiObject) => "answered" | "left";
  /** From the last renewal to the next term at most, beside w. */
  readonly withinMs: (timing: Timing) => number;
  /** Whether it makes a follower look again, all the time. */
  readonly isNoticed: boolean;
}

const gone = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };

const prompt = ({ leaseMs, retryMs }: Timing): number => leaseMs + retryMs;

const streams: Readonly<Record<WatchFault, Fault>> = {
  "410 Gone": {
    stream(response) {
      response.writeHead(410).end(JSON.stringify(gone));
      return "answered";
    },
    withinMs: prompt,
    isNoticed: true,
  },
  "an ERROR event": {
    stream(response) {
      response.writeHead(200);
      say(response, "ERROR", gone);
      response.end();
      return "answered";
    },
    withinMs: prompt,
    isNoticed: true,
  },
  "a reset every second": {
    stream(response) {
      every(response, 1000, () => response.destroy());
      return "left";
    },
    withinMs: prompt,
    isNoticed: true,
  },
  "old events replayed": {
    stream(response, lease) {
      // As it was before it was ever held: whoever believes it claims at once.
      const metadata = { ...lease.metadata, resourceVersion: "1", annotations: {} };
      every(response, 300, () => say(response, "MODIFIED", { ...lease, metadata, spec: {} }));
      return "left";
    },
    withinMs: prompt,
    isNoticed: false,
  },
  "a silent stall": {
    stream(response) {
      response.writeHead(200).flushHeaders();
      return "answered";
    },
    // A silence is doubted after 2P + 1 s, and no earlier (L6).
    withinMs: ({ leaseMs, silenceMs }) => leaseMs + silenceMs,
    isNoticed: true,
  },
  "bookmarks alone": {
    stream(response, lease) {
      response.writeHead(200).flushHeaders();
      every(response, 500, () => say(response, "BOOKMARK", { ...lease, spec: {} }));
      return "answered";
    },
    // A server that lags behind without a sign of it is found out by the claim, which it refuses.
    withinMs: ({ leaseMs, retryMs }) => 2 * leaseMs + retryMs,
    isNoticed: false,
  },
};

export async function assertWatchFault(
  t: TestContext,
  network: Network,
  what: WatchFault,
): Promise<void> {
  const { stream, withinMs, isNoticed } = streams[what];
  const team = new Team(t, network, `watch-of-${what.toLowerCase().replaceAll(" ", "-")}`, short);
  const { leader } = await team.startLed(1);
  let watches = 0;
  team.ledger.meddle = (asked, response) => {
    if (asked.what !== "watch" || asked.identity === leader.identity) return false;
    watches += 1;
    return stream(response, network.ask("GET", team.path).body) === "answered";
  };
  const follower = await team.start();
  await follower.bin.log.first(new RegExp(`the leader is "${leader.identity}"`));
  const { leaseMs, retryMs } = team.timing;
  team.assertUndisturbed(await team.renewed(leader, leaseMs / retryMs + 2));
  const looks = team.ledger.seen.filter(
    ({ what, identity }) => what === "get" && identity === follower.identity,
  );
  t.diagnostic(`${watches} watches and ${looks.length} looks of the follower`);
  assert.ok(watches > 0);
  // More often than by a claim that is refused after D.
  if (isNoticed) assert.ok(looks.length >= 3);
  const { confirmed } = await team.led();
  leader.proxy.cut();
  await team.assertReplaced(confirmed, withinMs(team.timing));
}

function say(response: ServerResponse, type: string, object: object): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

function every(response: ServerResponse, ms: number, act: () => void): void {
  const timer = setInterval(act, ms);
  response.once("close", () => clearInterval(timer));
}
