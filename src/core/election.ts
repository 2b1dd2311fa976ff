/**
 * Who may lead: the election on one Lease (contract §1, §5).
 *
 *     candidate ──claim──▶ claiming ──its own answer──▶ leading ──resign──▶ releasing
 *         ▲                   │                            │                    │
 *         └───────────────────┴── refused, or unanswered ──┴── lost ────────────┘
 *
 * The corridor asks for the `tenure` (may work run, and until when), and says when the tree is empty:
 * `resign` lets the lease go, `rejoin` lets the candidate claim again.
 */
import * as candidates from "./election/candidate.ts";
import * as claiming from "./election/claiming.ts";
import { watchPath } from "./election/exchange.ts";
import * as leader from "./election/leader.ts";
import * as releases from "./election/release.ts";
import { unfailing } from "./election/health.ts";
import {
  candidate,
  type Effects,
  type Election,
  type ElectionSettings,
  enter,
  remember,
  type Term,
} from "./election/state.ts";
import { type Instant, later, type Now, type Report } from "./protocol.ts";
import { type Deadlines, deadlines } from "./timing.ts";
import * as watches from "./watch.ts";

export type { Election, ElectionSettings, Term } from "./election/state.ts";

/** The right to run the command, as long as it lasts. */
export interface Tenure extends Deadlines {
  readonly term: Term;
}

/** Starts as a candidate that looks at once; one that may not claim only watches, until it rejoins. */
export function begin(
  settings: ElectionSettings,
  seed: number,
  now: Now,
  mayClaim: boolean = true,
): Effects {
  const path = watchPath(settings.namespace, settings.name);
  const election: Election = {
    settings,
    memory: {
      random: seed,
      exchanges: 0,
      wroteMs: 0,
      writes: [],
      newest: "0",
      spread: 0,
      isConnectionDoubted: false,
      conflicts: 0,
      isRefusalTold: false,
      watch: watches.begin(path, settings.timing, now.instant),
      health: { read: unfailing, write: unfailing },
    },
    phase: candidate(now, { mayClaim }),
  };
  return candidates.proceed(election, now);
}

/** Takes any report; those that are not about the lease only tell the time. */
export function step(election: Election, report: Report, now: Now): Effects {
  const { phase } = election;
  switch (phase.name) {
    case "candidate":
      return candidates.step(election, phase, report, now);
    case "claiming":
      return claiming.step(election, phase, report, now);
    case "leading":
      return leader.step(election, phase, report, now);
    case "releasing":
      return releases.step(election, phase, report, now);
    case "rejected":
      return [election];
  }
}

export function wakeAt(election: Election): Instant | undefined {
  const { phase } = election;
  switch (phase.name) {
    case "candidate":
      return candidates.wakeAt(election, phase);
    case "leading":
      return leader.wakeAt(election, phase);
    case "releasing":
      return releases.wakeAt(phase);
    case "claiming":
    case "rejected":
      return undefined;
  }
}

/** The present term and its deadlines, while the lease is ours. */
export function tenure({ phase, settings }: Election): Tenure | undefined {
  if (phase.name !== "leading") return undefined;
  const { stopAt, killAt, endAt } = deadlines(settings.timing, phase.confirmedAt);
  return { term: phase.term, stopAt, killAt, endAt };
}

/** The tree is verified empty: lets the lease go (S5), and says why. */
export function resign(election: Election, reason: string, now: Now): Effects {
  const { phase } = election;
  return phase.name === "leading" ? releases.begin(election, phase, reason, now) : [election];
}

/** The tree of the last term is verified empty: a candidate again, after a pause if one is due. */
export function rejoin(election: Election, pauseMs: number, now: Now): Effects {
  const { phase } = election;
  if (phase.name !== "candidate" || phase.mayClaim) return [election];
  const holdUntil = later(now.instant, pauseMs);
  const joined = enter(election, { ...phase, mayClaim: true, holdUntil });
  return candidates.proceed(joined, now);
}

/** A candidate that goes on watching and claims nothing any more, until it rejoins. */
export function withdraw(election: Election): Election {
  const { phase } = election;
  return phase.name === "candidate" ? enter(election, { ...phase, mayClaim: false }) : election;
}

/** Nobody wants to know any more: ends the watch and what is under way, until the next report. */
export function rest(election: Election, now: Now): Effects {
  const { phase } = election;
  return phase.name === "candidate" || phase.name === "rejected"
    ? candidates.rest(election, phase, now)
    : [election];
}

/** Gives the term up at once: the watchdog has killed the command. */
export function forfeit(election: Election, now: Now): Effects {
  const { phase } = election;
  const loss = { cause: "watchdog", reason: "the watchdog's deadline passed" } as const;
  return phase.name === "leading" ? leader.lose(election, phase, loss, now) : [election];
}

/** Whom a coordinator wants in our place, told once for every name (contract §1.7). */
export function preferredHolder({ phase, settings, memory }: Election): string | undefined {
  if (phase.name !== "leading" || phase.base.strategy === undefined) return undefined;
  const { preferredHolder } = phase.base;
  const isOurs = preferredHolder === settings.self.identity;
  return isOurs || preferredHolder === memory.obeyed ? undefined : preferredHolder;
}

/** The uid of the Lease, where it is there. */
export function leaseUid({ memory: { sighting } }: Election): string | undefined {
  return sighting?.kind === "present" ? sighting.lease.uid : undefined;
}

/** Whether the Lease is there, as far as it was seen. */
export function presence({ memory: { sighting } }: Election): "there" | "absent" | "unknown" {
  if (sighting === undefined) return "unknown";
  return sighting.kind === "present" ? "there" : "absent";
}

/** Remembers for whom we stepped down. */
export function obey(election: Election, holder: string): Election {
  return remember(election, { obeyed: holder });
}

/** Whether the lease is let go and there is nothing more to write. */
export function isOut({ phase }: Election): boolean {
  return phase.name === "candidate" && !phase.mayClaim;
}
