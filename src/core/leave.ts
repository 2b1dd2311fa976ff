/** When the program ends: before it led, for good reasons, and after the last was told. */
import * as exits from "./exit.ts";
import { note } from "./notes.ts";
import * as notices from "./notices.ts";
import * as preflights from "./preflight.ts";
import type { Now } from "./protocol.ts";
import { end, exitNow, type Running, type Step } from "./term.ts";

/** Nothing was ours yet, so there is nothing to wait for. */
export function leaveUnelected(running: Running): Step | undefined {
  const { ending, term, election } = running;
  const isWaiting = term === undefined && election.phase.name === "candidate";
  return ending !== undefined && isWaiting ? [running, exitNow(running)] : undefined;
}

/** No retry can help, so the operator has to see it (contract §1.6). */
export function leaveRejected(running: Running): Step | undefined {
  const { phase } = running.election;
  if (phase.name !== "rejected") return undefined;
  const message = note("error", "the API server finds our claim invalid", {
    problem: phase.problem,
  });
  return [running, message, { type: "exit", code: exits.failure }];
}

/** Strict about permissions: an operator is to see that one is missing. */
export function leaveForbidden(running: Running): Step | undefined {
  const { preflight, ending } = running;
  if (ending !== undefined || preflight === undefined || !preflights.isHopeless(preflight)) {
    return undefined;
  }
  const after = { how: "exit", code: exits.forbidden } as const;
  return [
    end(running, { signal: "SIGTERM" }, after, "a permission is missing"),
    note("error", "leaving for want of permissions: K8S_AWAIT_ELECTION_PREFLIGHT is strict"),
  ];
}

/** The Lease is free already: what is still to be told of it gets a moment. */
export function leave(running: Running, now: Now): Step | undefined {
  const told = running.notices && notices.linger(running.notices, now);
  if (told === undefined) return [running, exitNow(running)];
  return told === running.notices ? undefined : [{ ...running, notices: told }];
}
