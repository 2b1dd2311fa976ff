/** Answers that are none, given to a leader in the place of the API server. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Durations } from "../../src/core/timing.ts";
import type { Seen } from "./ledger.ts";
import type { Member } from "./member.ts";
import type { Network } from "./network.ts";
import { Team } from "./team.ts";

export type Answer = (response: ServerResponse) => void;

/** From now on the leader's reads and writes are answered so, one after the other. */
export function answerBy(team: Team, { identity }: Member, answers: readonly Answer[]): void {
  let count = 0;
  team.ledger.meddle = (asked, response) => {
    if (asked.identity !== identity || asked.what === "watch") return false;
    answers[count % answers.length]?.(response);
    count += 1;
    return true;
  };
}

/** What the leader asked in vain since that renewal. */
export function inVain(team: Team, since: Seen): Seen[] {
  return team.ledger.seen.filter(({ status, atMs }) => status === 0 && atMs > since.atMs);
}

/**
 * N19: an outage as long as L4 allows, but for a margin, does not end the term; one without an end
 * does.
 */
export async function assertBurst(
  t: TestContext,
  network: Network,
  durations: Durations,
  marginMs: number,
): Promise<void> {
  const team = new Team(t, network, `failing-${durations.leaseSeconds}`, durations);
  const { leader, confirmed: before } = await team.startLed(2);
  const failures = [500, 502, 503, 504].map((status) => (response: ServerResponse) => {
    response.writeHead(status).end("upstream connect error");
  });
  answerBy(team, leader, failures);
  await pause(team.timing.stopMs - team.timing.retryMs - 500 - marginMs);
  assert.ok(inVain(team, before).length >= failures.length - 1);
  team.ledger.meddle = () => false;
  await leader.bin.log.first(/can write the lease again/);
  const { confirmed } = await team.led();
  team.assertUndisturbed(before);
  answerBy(team, leader, failures);
  await team.assertReplaced(confirmed);
}
