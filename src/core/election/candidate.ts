/**
 * A candidate looks until the lease may be claimed, and claims it by a write on the very object
 * that it saw. Only an answer to that write opens a term; a read never does (S2).
 */
import { isNewer } from "../json.ts";
import { formatMark, type Lease } from "../lease.ts";
import { eventNote, note } from "../notes.ts";
import { type Instant, later, type Now, type Report } from "../protocol.ts";
import { claimableAt, type Sighting } from "../sighting.ts";
import { spreadMs } from "../timing.ts";
import * as watches from "../watch.ts";
import * as exchange from "./exchange.ts";
import { backoff, failed, succeeded } from "./health.ts";
import {
  type Candidate,
  candidate,
  chain,
  draw,
  type Effects,
  type Election,
  enter,
  knownVersion,
  outdated,
  type Reading,
  type Rejected,
  remember,
  watching,
} from "./state.ts";
import { follow, gone, judgeWatch, keepWatch, mayWatch, seen } from "./watching.ts";

/** The lease was looked at, or the watch told something, or it is time. */
export function step(election: Election, phase: Candidate, report: Report, now: Now): Effects {
  return chain(hear(election, phase, report, now), (next) => proceed(next, now));
}

/** Claims if it may, looks if it is time, and keeps the watch open. */
export function proceed(election: Election, now: Now): Effects {
  const { phase } = election;
  if (phase.name !== "candidate") return [election];
  const claimAt = claimDueAt(election, phase);
  if (claimAt !== undefined && now.instant >= claimAt) return claim(election, phase, now);
  const lookAt = lookDueAt(election, phase);
  const looked: Effects =
    lookAt !== undefined && now.instant >= lookAt ? look(election, phase, now) : [election];
  return chain(
    chain(looked, (next) => keepWatch(next, now)),
    (next) => tellBlocked(next, now),
  );
}

export function wakeAt(election: Election, phase: Candidate): Instant | undefined {
  const { watch } = election.memory;
  const watchAt =
    watch.phase === "closed" && mayWatch(election) ? watches.wakeAt(watch) : undefined;
  return earliest(
    claimDueAt(election, phase),
    lookDueAt(election, phase),
    watchAt,
    blockedAt(election),
  );
}

/** Ends the watch and a look under way; whoever goes on from here looks before anything else. */
export function rest(election: Election, phase: Candidate | Rejected, now: Now): Effects {
  const [watch, ...dropped] = watches.drop(election.memory.watch);
  const reading = phase.name === "candidate" ? phase.reading : undefined;
  const resting = candidate(now, { mayClaim: false, unsettled: true });
  return [
    enter(outdated(watching(election, watch)), resting),
    ...dropped,
    ...(reading === undefined ? [] : [{ type: "abandon" as const, id: reading.id }]),
  ];
}

/** A coordinator that appoints nobody must not leave everybody waiting in silence (contract §1.7). */
function tellBlocked(election: Election, now: Now): Effects {
  const at = blockedAt(election);
  const { sighting } = election.memory;
  if (at === undefined || now.instant < at || sighting?.kind !== "present") return [election];
  return [
    remember(election, { toldBlocked: sighting.key }),
    eventNote(
      "Blocked",
      "Wait",
      note(
        "error",
        "blocked: the lease's coordinator has appointed nobody for two lease durations",
        {
          advice: "run a coordinator, or remove spec.strategy from the Lease",
        },
      ),
    ),
  ];
}

function blockedAt({ memory: { sighting, toldBlocked }, settings }: Election): Instant | undefined {
  const isBlocked = sighting?.kind === "present" && sighting.standing === "appointed";
  if (!isBlocked || sighting.key === toldBlocked) return undefined;
  return later(sighting.firstSeenAt, 2 * settings.timing.leaseMs);
}

function hear(election: Election, phase: Candidate, report: Report, now: Now): Effects {
  const { reading } = phase;
  const outcome = reading && exchange.outcomeOf(report, reading.id);
  if (reading === undefined || outcome === undefined) return follow(election, report, now);
  return looked(exchange.heard(election, outcome), phase, reading, outcome, now);
}

function claimDueAt(election: Election, phase: Candidate): Instant | undefined {
  const { memory, settings } = election;
  const { sighting } = memory;
  if (!phase.mayClaim || phase.unsettled || sighting === undefined) return undefined;
  // A token must never be smaller than one before (S10, O10).
  if (sighting.kind === "present" && isNewer(memory.newest, sighting.lease.version))
    return undefined;
  const spread = Math.floor(memory.spread * spreadMs);
  const at = claimableAt(sighting, settings.self, settings.timing, spread);
  return at === undefined || at > phase.holdUntil ? at : phase.holdUntil;
}

/** A watch that is heard saves looking: only a doubt, or a write of ours that is open, needs it. */
function lookDueAt(election: Election, phase: Candidate): Instant | undefined {
  const { memory } = election;
  if (phase.reading !== undefined) return undefined;
  const { sighting } = memory;
  const isStale = sighting?.kind === "absent" && sighting.isStale === true;
  const isWell = !phase.unsettled && !isStale && memory.health.read.failures === 0;
  const told = memory.watch.phase === "open" && isWell;
  return told ? watches.wakeAt(memory.watch) : phase.lookAt;
}

function look(election: Election, phase: Candidate, now: Now): Effects {
  const [asking, order] = exchange.read(election, now);
  const reading = { id: order.id, newest: election.memory.newest };
  return [enter(asking, { ...phase, reading }), order];
}

function looked(
  election: Election,
  phase: Candidate,
  { newest }: Reading,
  outcome: exchange.Outcome,
  now: Now,
): Effects {
  const { reading: _, ...rest } = phase;
  const lease = exchange.isSuccess(outcome) ? exchange.leaseIn(outcome) : undefined;
  const isMissing = outcome.type === "answered" && outcome.status === 404;
  if (!isMissing && typeof lease !== "object") {
    const failure = exchange.failureOf("read", outcome);
    return chain(failed(outdated(election), failure), (next) => {
      const [lookAt, waiting] = backoff(next, failure, now);
      return [enter(waiting, { ...rest, lookAt })];
    });
  }
  const [chance, drawn] = draw(election);
  const lookAt = later(now.instant, election.settings.timing.retryMs * (1 + 0.2 * chance));
  const idle = succeeded(enter(drawn, { ...rest, unsettled: false, lookAt }), "read");
  return chain(idle, (next) =>
    typeof lease === "object"
      ? sawLease(next, lease, newest, now)
      : chain(judgeWatch(next, undefined, now), (judged) => gone(judged, undefined, now)),
  );
}

/** A read was answered; the watch may have told more by now, for the read was sent before. */
function sawLease(election: Election, lease: Lease, newest: string, now: Now): Effects {
  const judged = judgeWatch(election, lease.version, now);
  if (isNewer(newest, lease.version)) {
    return chain(
      [
        ...judged,
        note("error", "the API server went back in time: was etcd restored?", {
          newest,
          read: lease.version,
        }),
      ],
      (next) => seen(next, lease, now),
    );
  }
  const told = knownVersion(election);
  if (told !== undefined && isNewer(told, lease.version)) return judged;
  return chain(judged, (next) => seen(next, lease, now));
}

function claim(election: Election, phase: Candidate, now: Now): Effects {
  const { sighting, newest } = election.memory;
  const base = sighting?.kind === "present" ? sighting.lease : undefined;
  const isOwn = sighting?.kind === "present" && sighting.standing === "own";
  const reason = reasonOf(sighting);
  const [claiming, order, write] = exchange.claim(election, base, isOwn, reason, now);
  const termMark = formatMark(election.settings.self.mark, write.renewTime);
  const entered = enter(claiming, { name: "claiming", newest, write, termMark, reason });
  const abandoned =
    phase.reading === undefined ? [] : [{ type: "abandon" as const, id: phase.reading.id }];
  const message = note("info", "claiming the lease", { reason });
  return [entered, ...abandoned, message, order];
}

function reasonOf(sighting: Sighting | undefined): string {
  if (sighting?.kind !== "present") return "there was no Lease";
  switch (sighting.standing) {
    case "free":
      return "it was released, or never held";
    case "own":
      return "it still names this process";
    case "predecessor":
      return "it names this pod's former process, which is gone";
    default:
      return sighting.lease.holder === ""
        ? "it was left empty for long enough"
        : `${JSON.stringify(sighting.lease.holder)} has not renewed it`;
  }
}

function earliest(...instants: readonly (Instant | undefined)[]): Instant | undefined {
  return instants.reduce((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a));
}
