/**
 * Mistakes in the rules of the protocol: each falls in the simulation, most of them by the checker of
 * the rule that they break, before two commands ever run at once.
 *
 * Not here: *retry ignoring the deadline*, which bites only where the watchdog is dead as well, and
 * *start before the watchdog has confirmed*, which test/core/command.test.ts notices: it takes a
 * watchdog that is slower than a whole retry period. Nor what takes some ten thousand seeds to show, such
 * as trusting an absence that nobody looked at: test/core/election-absence.test.ts does.
 */
import type { Mutant } from "./mutant.ts";

const election = "src/core/election/";

function mutant(name: string, file: string, from: string, to: string, note?: string): Mutant {
  const told = note === undefined ? {} : { note };
  return { name, file, from, to, falls: "simulation", ...told };
}

export const coreMutants: readonly Mutant[] = [
  mutant(
    "release-before-stop",
    "src/core/settle.js",
    "if (!isDue || !isClear(running))",
    "if (!isDue)",
  ),
  mutant(
    "leave-before-empty",
    "src/core/settle.js",
    '|| ending.stage === "asked" || !isClear(running))',
    '|| ending.stage === "asked")',
  ),
  mutant(
    "deadline-from-response",
    `${election}leader.js`,
    "{ ...phase, confirmedAt: write.sentAt, base: lease, asking }",
    "{ ...phase, confirmedAt: now.instant, base: lease, asking }",
  ),
  mutant(
    "adopt-with-the-newest-instant",
    `${election}leader.js`,
    "const confirmedAt = proven[0]?.sentAt ?? phase.confirmedAt;",
    "const confirmedAt = now.instant;",
  ),
  mutant("no-uid", "src/core/lease.js", "managedFields: undefined,", "uid: undefined,"),
  mutant(
    "release-without-holder-check",
    `${election}release.js`,
    "if (!isOfTerm(election, phase, lease)) {",
    "if (false) {",
  ),
  mutant(
    "ignore-other-holder",
    `${election}leader.js`,
    "            if (!isOfTerm(election, phase, lease)) {",
    "            if (false) {",
    "the watchdog hides it among electors that keep the rules: a latency, not an overlap",
  ),
  mutant(
    "re-acquire-an-empty-holder",
    `${election}leader.js`,
    "            if (!isOfTerm(election, phase, lease)) {",
    '            if (lease.holder !== "" && !isOfTerm(election, phase, lease)) {',
  ),
  mutant(
    "trust-renew-time",
    `${election}watching.js`,
    "sighted(election, lease, now.instant)), (next)",
    "sighted(election, lease, now.instant - (now.wallMs - Date.parse(lease.renewTime ?? 0)))), (next)",
  ),
  mutant(
    "keep-first-sight",
    "src/core/sighting.js",
    "firstSeenAt: known ? before.firstSeenAt : at,",
    "firstSeenAt: before?.firstSeenAt ?? at,",
  ),
  mutant(
    "claim-early",
    "src/core/sighting.js",
    "Math.floor(ms) + 1 + spread",
    "Math.floor(ms) - 200 + spread",
  ),
  mutant(
    "no-wait-for-the-emptied",
    "src/core/sighting.js",
    "return timing.emptyWaitMs;",
    "return 0;",
  ),
  mutant(
    "no-wait-for-the-absent",
    "src/core/sighting.js",
    "if (isLast && wasNobodys)",
    "if (isLast || !isLast)",
  ),
  mutant(
    "trust-an-old-sighting",
    "src/core/sighting.js",
    "isLast && wasNobodys",
    "wasNobodys",
    "a former leader that was cut off creates the Lease beside the next one's dying command",
  ),
  mutant(
    "no-incarnation",
    "src/core/sighting.js",
    "if (mark.incarnation === self.mark.incarnation) {",
    "if (lease.holder === self.identity) { return 'own';",
  ),
  mutant(
    "any-pod-is-a-predecessor",
    "src/core/sighting.js",
    "mark.podUid === self.mark.podUid &&",
    "",
  ),
  mutant(
    "sub-second-renew-time",
    `${election}exchange.js`,
    "Math.max(now.wallMs, wroteMs + 1000)",
    "Math.max(now.wallMs, wroteMs + 1)",
  ),
  mutant(
    "claim-before-empty",
    `${election}leader.js`,
    "candidate(now, { mayClaim: false, unsettled })",
    "candidate(now, { mayClaim: true, unsettled })",
  ),
  mutant(
    "token-is-transitions",
    "src/core/settle.js",
    "K8S_AWAIT_ELECTION_FENCING_TOKEN: term.token,",
    "K8S_AWAIT_ELECTION_FENCING_TOKEN: String(term.transitions),",
  ),
  mutant("no-rho", "src/core/timing.js", "Math.floor(leaseMs / (1 + clockDrift))", "leaseMs"),
  mutant(
    "no-kill-budget",
    "src/core/timing.js",
    "Math.max(1000, watchdogLatenessMs + deathMs + 500)",
    "0",
  ),
  mutant(
    "start-too-late",
    "src/core/command.js",
    "if (!command.guarded || !inTime)",
    "if (!command.guarded)",
  ),
  mutant(
    "guard-never-moves-back",
    "src/core/command.js",
    '{ name: "arming", addEnv, until, guarded: false },\n        { type: "guard", at: killAt },',
    '{ name: "arming", addEnv, until, guarded: false },\n        { type: "guard", at: killAt + 500 },',
  ),
  mutant(
    "endpoints-without-version",
    "src/core/routing/objects.js",
    "metadata: { ...metadata, labels, annotations },",
    "metadata: { ...metadata, resourceVersion: undefined, labels, annotations },",
  ),
  mutant("withdraw-nothing", "src/core/routing.js", "return isOurs(target, goal)", "return false"),
  mutant("go-on-without-a-guard", "src/core/heed.js", "if (running.isGuardLost)", "if (true)"),
  mutant(
    "never-ready-for-ever",
    "src/core/readiness.js",
    "later(beganAt, probing.startTimeoutMs)",
    "later(beganAt, 1e9)",
  ),
  mutant("no-kill-on-loss", "src/core/settle.js", "    noticeLoss,", ""),
  mutant(
    "no-release-mark",
    "src/core/lease.js",
    "mark.endsWith(`/${renewTime}`)",
    "false",
    "everybody waits out a release as if somebody had emptied the Lease",
  ),
];
