/**
 * What the status endpoint answers on each path. The original's answer is kept on every path but those
 * of our own: it knows no other (contract §4).
 */
import * as elections from "./election.ts";
import { isoTime } from "./json.ts";
import { exposition, type Gauge } from "./metrics.ts";
import type { Now } from "./protocol.ts";
import type { Right } from "./preflight.ts";
import * as readinesses from "./readiness.ts";
import * as routings from "./routing.ts";
import { isWell } from "./settle.ts";
import type { Page } from "./status.ts";
import type { Running } from "./term.ts";

/** The page of a path, for any method. */
export function pageOf(path: string, running: Running, now: Now): Page {
  switch (path) {
    case "/livez":
      return check(!running.isGuardLost, "the watchdog is gone");
    case "/readyz":
      return check(isReady(running, now), "the Lease cannot be read, or not be renewed in time");
    case "/leaderz":
      return check(leftMs(running, now) > 0, `this is a ${roleOf(running)}`);
    case "/status":
      return {
        status: 200,
        contentType: "application/json",
        body: `${JSON.stringify(overview(running, now), undefined, 2)}\n`,
      };
    case "/metrics":
      return {
        status: 200,
        contentType: "text/plain; version=0.0.4; charset=utf-8",
        body: exposition(
          running.observed.metrics,
          gauges(running, now),
          running.settings.lock.name,
        ),
      };
    default:
      return isWell(running, now)
        ? { status: 200, contentType: plain, body: '{"status": "ok"}' }
        : { status: 500, contentType: plain, body: '{"status": "expired"}' };
  }
}

const plain = "text/plain; charset=utf-8";

/** As the API server's own checks answer. */
function check(holds: boolean, problem: string): Page {
  return holds
    ? { status: 200, contentType: plain, body: "ok\n" }
    : { status: 503, contentType: plain, body: `${problem}\n` };
}

/** Leads with time left, or knows the Lease and could take it over: a standby is ready too. */
function isReady(running: Running, now: Now): boolean {
  const { memory, phase } = running.election;
  if (running.isGuardLost || phase.name === "rejected") return false;
  if (elections.tenure(running.election) !== undefined) return leftMs(running, now) > 0;
  return memory.sighting !== undefined && memory.health.read.failures === 0;
}

/** Until G; nothing for who does not lead. */
function leftMs({ election, isGuardLost }: Running, now: Now): number {
  const tenure = elections.tenure(election);
  return tenure === undefined || isGuardLost ? 0 : Math.max(0, tenure.stopAt - now.instant);
}

type Role = "standby" | "claiming" | "leader" | "stopping" | "releasing";

function roleOf({ election, ending, term }: Running): Role {
  switch (election.phase.name) {
    case "leading":
      return ending === undefined ? "leader" : "stopping";
    case "claiming":
    case "releasing":
      return election.phase.name;
    default:
      // The lease is lost, and the command may be dying still.
      return term === undefined ? "standby" : "stopping";
  }
}

function overview(running: Running, now: Now): object {
  const { election, settings, command, observed } = running;
  const { sighting, watch, health } = election.memory;
  const lease = sighting?.kind === "present" ? sighting.lease : undefined;
  const tenure = elections.tenure(election);
  const own = election.phase.name === "leading" ? election.phase.base : undefined;
  const shown = own ?? lease;
  const inMs = (at: number) => Math.round(at - now.instant);
  return {
    role: roleOf(running),
    identity: settings.identity,
    version: running.version ?? null,
    time: isoTime(now.wallMs),
    lease: {
      namespace: settings.lock.namespace,
      name: settings.lock.name,
      holder: shown?.holder ?? null,
      since: shown?.acquireTime ?? null,
      renewTime: shown?.renewTime ?? null,
      transitions: shown?.transitions ?? null,
    },
    term:
      tenure === undefined
        ? null
        : {
            token: tenure.term.token,
            mark: tenure.term.mark,
            stopInMs: inMs(tenure.stopAt),
            killInMs: inMs(tenure.killAt),
            endInMs: inMs(tenure.endAt),
          },
    command: command.name,
    readiness:
      running.readiness === undefined
        ? null
        : {
            ready: readinesses.isReady(running.readiness),
            lastProbe: readinesses.detailOf(running.readiness),
          },
    routing: running.routing === undefined ? null : routings.stateOf(running.routing),
    api: {
      watch: watch.phase,
      readFailures: health.read.failures,
      writeFailures: health.write.failures,
    },
    permissions:
      running.preflight?.verdict === undefined
        ? null
        : {
            time: isoTime(running.preflight.verdict.atMs),
            missing: running.preflight.verdict.missing.map(describeRight),
          },
    lastLoss: election.memory.lost ?? null,
    problems: observed.problems.map(({ atMs, ...problem }) => ({
      time: isoTime(atMs),
      ...problem,
    })),
  };
}

function describeRight({ verb, resource, group, namespace, name, lack }: Right): object {
  return { verb, resource, group, namespace, name: name ?? null, required: lack === "error" };
}

function gauges(running: Running, now: Now): Gauge[] {
  const name = running.settings.lock.name;
  const isLeader = elections.tenure(running.election) !== undefined;
  return [
    {
      name: "leader_election_master_status",
      help:
        "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, " +
        "1 indicates master. 'name' is the string used to identify the lease. Please make sure to " +
        "group by name.",
      labels: { name },
      value: isLeader ? 1 : 0,
    },
    {
      name: "await_election_time_left_seconds",
      help: "Until the command would be stopped for want of a renewal; 0 on a standby.",
      value: leftMs(running, now) / 1000,
    },
    {
      name: "await_election_command_running",
      help: "Whether processes of the command may be running.",
      value: ["idle", "arming", "over"].includes(running.command.name) ? 0 : 1,
    },
    {
      name: "await_election_info",
      help: "What this is.",
      labels: { version: running.version ?? "", identity: running.settings.identity },
      value: 1,
    },
  ];
}
