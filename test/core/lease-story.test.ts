import assert from "node:assert/strict";
import { test } from "node:test";
import { claimBody, releaseBody } from "../../src/core/lease.ts";
import { lease, timeText } from "./leases.ts";

const at = timeText(1);
const change = {
  about: { pod: "web-0", node: "n".repeat(70), version: "1.2.3" },
  reason: "nobody held it",
};
const claim = {
  holder: "me",
  durationSeconds: 15,
  acquireTime: timeText(3),
  renewTime: timeText(3),
  transitions: 1,
  termMark: "mark",
};

test("a claim and a release tell who changes the lease, where, and why; a renewal leaves that", () => {
  const claimed = told(claimBody(lease({}), "demo", claim, change));
  assert.deepEqual(claimed, {
    annotations: {
      "k8s-await-election/pod": "web-0",
      "k8s-await-election/node": "n".repeat(70),
      "k8s-await-election/version": "1.2.3",
      "k8s-await-election/reason": `${claim.acquireTime} claimed: nobody held it`,
      "k8s-await-election/term": "mark",
    },
    // A label value has at most 63 characters, and the API server would refuse the whole write.
    labels: { "k8s-await-election/pod": "web-0" },
  });
  const held = lease({ metadata: claimed });
  const renewed = told(claimBody(held, "demo", { ...claim, renewTime: timeText(9) }));
  assert.deepEqual(renewed, claimed);
  const released = told(releaseBody(held, "mark", at, { about: { pod: "web-0" }, reason: "over" }));
  assert.deepEqual(released.labels, {}, "nobody leads");
  assert.deepEqual(released.annotations, {
    "k8s-await-election/pod": "web-0",
    "k8s-await-election/reason": `${at} released: over`,
    "k8s-await-election/term": "mark",
    "k8s-await-election/released": `mark/${at}`,
  });
});

test("what a claim tells of another's name is cut: annotations have a limit", () => {
  const long = { about: {}, reason: "\u{1f600}".repeat(200_000) };
  const { annotations } = told(claimBody(lease({}), "demo", claim, long));
  const reason = String(annotations["k8s-await-election/reason"]);
  assert.ok(reason.length <= 301);
  assert.doesNotThrow(() => encodeURIComponent(reason), "no half of a character");
});

function told(text: string): {
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: unknown;
} {
  const { metadata } = JSON.parse(text) as { metadata: ReturnType<typeof told> };
  const { annotations, labels } = metadata;
  return { annotations, labels };
}
