/** How exchanges go: what failed in a row, what was told of it, and when to try again. */
import { kindOf } from "../json.ts";
import { note } from "../notes.ts";
import { type Instant, later, type Now } from "../protocol.ts";
import { draw, type Effects, type Election, remember, type Way } from "./state.ts";

export interface Health {
  /** Failures in a row. */
  readonly failures: number;
  /** How many of the last ones were refusals by rule. */
  readonly denials: number;
  /** The kinds of problems that were told since the last success: each is told once. */
  readonly told: readonly string[];
}

/** An exchange that did not do what it should. */
export interface Failure {
  readonly way: Way;
  readonly problem: string;
  /** A refusal by rule is worth less haste than an outage. */
  readonly denied: boolean;
  /** 401: the host reads the token anew, so the next attempt may well succeed (N14). */
  readonly isStale: boolean;
  readonly retryAfterMs?: number;
}

/** A server whose addresses change makes a kind of problem of each. */
const kindsKept = 20;

/** How an exchange goes that has not failed. */
export const unfailing: Health = { failures: 0, denials: 0, told: [] };

/** Counts a failure, and tells its problem once: again only when it is one of another kind. */
export function failed(election: Election, { way, problem, denied }: Failure): Effects {
  const { failures, denials, told } = election.memory.health[way];
  const kind = kindOf(problem);
  const isTold = told.includes(kind);
  const entry = {
    failures: failures + 1,
    denials: denied ? denials + 1 : 0,
    told: isTold ? told : [...told, kind].slice(-kindsKept),
  };
  const counted = remember(election, { health: { ...election.memory.health, [way]: entry } });
  return isTold ? [counted] : [counted, note("warn", `cannot ${way} the lease`, { problem })];
}

export function succeeded(election: Election, way: Way): Effects {
  if (election.memory.health[way].told.length === 0) return [election];
  const health = { ...election.memory.health, [way]: unfailing };
  return [remember(election, { health }), note("info", `can ${way} the lease again`)];
}

/** A leader retried as densely as it could: a candidate's patience begins anew, at its least. */
export function unhurried(election: Election): Election {
  const { read, write } = election.memory.health;
  const calm = { failures: 0, denials: 0 };
  const health = { read: { ...read, ...calm }, write: { ...write, ...calm } };
  return remember(election, { health });
}

/** When a candidate tries again: the later the more often it was denied. */
export function backoff(
  election: Election,
  { way, denied, isStale, retryAfterMs = 0 }: Failure,
  now: Now,
): readonly [Instant, Election] {
  const [chance, drawn] = draw(election);
  const times = Math.min(election.memory.health[way].denials, 10);
  if (isStale && times === 1) return [now.instant, election];
  const { retryMs } = election.settings.timing;
  const pauseMs = denied
    ? Math.min(30_000, retryMs * 2 ** (times - 1)) * (0.8 + 0.4 * chance)
    : Math.max(500, Math.min(retryAfterMs, 10_000)) + 300 * chance;
  return [later(now.instant, pauseMs), drawn];
}
