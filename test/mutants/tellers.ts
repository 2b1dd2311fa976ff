/** Mistakes in what tells an operator, of which no lease and no command would show anything. */
import type { Mutant } from "./mutant.ts";

const story = "test/core/lease-story.test.js";
const notices = "test/core/notices.test.js";
const preflight = "test/core/preflight.test.js";

export const tellerMutants: readonly Mutant[] = [
  {
    name: "any-name-a-label",
    file: "src/core/lease-story.js",
    from: "/^[a-z0-9]([-a-z0-9._]{0,61}[a-z0-9])?$/i.test(text)",
    to: 'text !== ""',
    falls: { file: story, titles: "tell who changes the lease" },
    note: "the API server refuses the claim, and nobody can lead",
  },
  {
    name: "reason-uncut",
    file: "src/core/lease-story.js",
    from: "cut(`${time} ${deed}: ${reason}`, longestReason)",
    to: "`${time} ${deed}: ${reason}`",
    falls: { file: story, titles: "is cut" },
    note: "a holder with a very long name makes every claim invalid",
  },
  {
    name: "exit-waits-for-events",
    file: "src/core/notices.js",
    from: "|| isOver)",
    to: ")",
    falls: { file: notices, titles: "the exit waits half a second" },
  },
  {
    name: "events-without-measure",
    file: "src/core/notices.js",
    from: "filled < 1 ||",
    to: "",
    falls: { file: notices, titles: "what comes too often is dropped" },
  },
  {
    name: "events-in-a-tight-loop",
    file: "src/core/notices.js",
    from: "later(now.instant, Math.max(pauseMs, patienceMs))",
    to: "now.instant",
    falls: { file: notices, titles: "is tried again under the same name" },
  },
  {
    name: "preflight-at-every-refusal",
    file: "src/core/preflight.js",
    from: "|| now.instant < idleUntil",
    to: "",
    falls: { file: preflight, titles: "a round a minute at most" },
  },
];
