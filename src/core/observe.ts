/** What happened between two states of the whole: counted, measured, and remembered for who asks. */
import * as elections from "./election.ts";
import { count, measure, type Measure, type Metrics, none } from "./metrics.ts";
import type { Effect } from "./notes.ts";
import type { Instant, Now, Report } from "./protocol.ts";
import type { Running } from "./term.ts";

export interface Observed {
  readonly metrics: Metrics;
  /** The term being opened began with somebody else's end, first seen then. */
  readonly waited?: { readonly measure: Measure; readonly since: Instant };
  /** When the command was ordered to be killed. */
  readonly killedAt?: Instant;
  /** The newest last. */
  readonly problems: readonly Problem[];
}

export interface Problem {
  readonly atMs: number;
  readonly message: string;
  readonly detail?: string;
}

const problemsKept = 5;

export const nothing: Observed = { metrics: none, problems: [] };

type Move<T> = (observed: Observed, before: T, after: T, now: Now) => Observed;

/** Takes one step into account. */
export function observe(
  before: Running,
  after: Running,
  report: Report,
  effects: readonly Effect[],
  now: Now,
): Observed {
  let observed = hearReport(after.observed, before, report, now);
  observed = observeElection(observed, before.election, after.election, now);
  if (before.command !== after.command) observed = commandMoves(observed, before, after, now);
  for (const effect of effects) {
    if (effect.type === "kill") observed = { ...observed, killedAt: now.instant };
    else if (effect.type === "note" && effect.level !== "info" && effect.level !== "debug") {
      const detail = effect.values?.["problem"] ?? effect.values?.["reason"];
      const problem: Problem = {
        atMs: now.wallMs,
        message: effect.message,
        ...(detail !== undefined && { detail: String(detail).slice(0, 300) }),
      };
      observed = { ...observed, problems: [...observed.problems, problem].slice(-problemsKept) };
    }
  }
  return observed;
}

function hearReport(observed: Observed, before: Running, report: Report, now: Now): Observed {
  switch (report.type) {
    case "answered":
    case "unanswered":
      return observeAnswer(observed, report);
    case "guardFired": {
      const tenure = elections.tenure(before.election);
      if (tenure === undefined) return observed;
      return measured(observed, "await_election_guard_lateness_seconds", tenure.killAt, now);
    }
    default:
      return observed;
  }
}

/** Counts an exchange that was no success. */
export function observeAnswer(
  observed: Observed,
  report: Extract<Report, { type: "answered" | "unanswered" }>,
): Observed {
  const kind = report.type === "unanswered" ? "unanswered" : kindOf(report.status);
  if (kind === undefined) return observed;
  const metrics = count(observed.metrics, "await_election_api_errors_total", kind);
  return { ...observed, metrics };
}

/** A 404 and a 409 are news, not errors: of a Lease that is not there, or that another wrote. */
function kindOf(status: number): string | undefined {
  if (status < 400 || status === 404 || status === 409) return undefined;
  if ([401, 403, 429].includes(status)) return String(status);
  return status < 500 ? "4xx" : "5xx";
}

/** What the election has done in a step. */
export const observeElection: Move<elections.Election> = (observed, before, after, now) => {
  if (before === after) return observed;
  const from = before.phase;
  const to = after.phase;
  let { metrics } = observed;
  if (before.memory.lost !== after.memory.lost) {
    const cause = after.memory.lost?.cause ?? "";
    metrics = count(metrics, "await_election_losses_total", cause);
  }
  if (to.name === "claiming" && from.name !== "claiming") {
    const { waited: _, ...rest } = observed;
    const waited = waitedFor(after);
    return { ...rest, metrics, ...(waited && { waited }) };
  }
  if (to.name !== "leading") return { ...observed, metrics };
  if (from.name !== "leading") metrics = count(metrics, "await_election_terms_total");
  else if (from.asking.what === "writing" && to.confirmedAt === from.asking.write.sentAt) {
    metrics = measure(metrics, "await_election_renew_seconds", now.instant - to.confirmedAt);
  } else if (from.asking.what !== "reading" && to.asking.what === "reading") {
    metrics = count(metrics, "leader_election_slowpath_total");
  }
  return { ...observed, metrics };
};

/** What the claim that is sent now was waiting for: it may have been seen in the very same step. */
function waitedFor({ memory: { sighting } }: elections.Election): Observed["waited"] {
  if (sighting?.kind !== "present") return undefined;
  const { standing, firstSeenAt, lease } = sighting;
  // Never held: nobody handed anything over.
  const isRelease = standing === "free" && lease.acquireTime !== undefined;
  if (isRelease) return { measure: "await_election_handover_seconds", since: firstSeenAt };
  const isExpiry = standing === "peer" || standing === "foreign";
  return isExpiry ? { measure: "await_election_takeover_seconds", since: firstSeenAt } : undefined;
}

const commandMoves: Move<Running> = (observed, before, after, now) => {
  if (before.command.name === "starting" && after.command.name === "running") {
    return observeStart(observed, now);
  }
  if (after.command.name === "over" && observed.killedAt !== undefined) {
    const { killedAt, ...rest } = observed;
    return measured(rest, "await_election_kill_seconds", killedAt, now);
  }
  return observed;
};

/** What was waited for runs now. */
export function observeStart(observed: Observed, now: Now): Observed {
  const { waited, ...rest } = observed;
  return waited === undefined ? rest : measured(rest, waited.measure, waited.since, now);
}

function measured(observed: Observed, name: Measure, since: Instant, now: Now): Observed {
  return { ...observed, metrics: measure(observed.metrics, name, now.instant - since) };
}
