/** The story in real processes: with our entry point, and with broken ones that it has to expose. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { temporaryFolder } from "../support/processes.ts";
import type { Summary } from "../../demo/summary.ts";
import { startShow, untilShown } from "./show.ts";

const stepNames = ["start", "hand-over", "crash", "cut-off", "freeze", "deletion"];

/** Gives its lock back before its command has stopped, as client-go does with `ReleaseOnCancel`. */
const releasesEarly = `
exec 9>"$K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR/lock"
flock 9
"$@" 9>&- &
trap 'flock -u 9; sleep 2; kill $!' TERM
wait $!
wait $!
`;

describe("the story", { concurrency: 3 }, () => {
  it("--json with our entry point, no two commands ever run", async (t) => {
    const show = startShow(t, ["--json"]);
    assert.equal(await show.ended, 0, show.log());
    const { steps, overlaps, intervals } = JSON.parse(show.output()) as Summary;
    t.diagnostic(steps.map(({ step, gapMs }) => `${step} ${gapMs} ms`).join(", "));
    assert.equal(overlaps, 0);
    assert.deepEqual(
      steps.map(({ step, overlapMs }) => [step, overlapMs]),
      stepNames.map((step) => [step, 0]),
    );
    for (const { step, gapMs } of steps) assert.ok(0 < gapMs && gapMs < 20_000, step);
    for (const [index, { endNs, token }] of intervals.entries()) {
      const next = intervals[index + 1];
      // On a machine that starves it for long, one life may be seen as two.
      assert.ok(next === undefined || endNs <= next.startNs, JSON.stringify(next));
      assert.ok(next === undefined || Number(token) <= Number(next.token), JSON.stringify(next));
    }
    assert.equal(show.log().trim().split("\n").length, stepNames.length, "a sentence a step");
    await show.assertGone();
  });

  it("--against an entry point that runs its command everywhere, overlaps show", async (t) => {
    const show = startShow(t, ["--json", "--against", "env"]);
    assert.equal(await show.ended, 1, show.log());
    const { steps, overlaps, intervals } = JSON.parse(show.output()) as Summary;
    assert.ok(overlaps > 0);
    for (const { step, overlapMs } of steps) assert.ok(overlapMs > 0, step);
    assert.ok(intervals.every(({ token }) => token === ""));
    await show.assertGone();
  });

  it("--against one that releases before it stops, that shows; SIGTERM leaves nothing", async (t) => {
    const script = join(temporaryFolder(t), "releases-early");
    writeFileSync(script, releasesEarly);
    const show = startShow(t, ["--against", `sh ${script}`]);
    await untilShown(show, /^hand-over: .* AND TWO RAN FOR /m);
    assert.ok(show.processes().length > 4, "there is something to end");
    show.child.kill("SIGTERM");
    assert.equal(await show.ended, 143, show.log());
    await show.assertGone();
  });

  it("SIGKILL leaves nothing either", async (t) => {
    const show = startShow(t, []);
    await untilShown(show, /^start: /m);
    show.child.kill("SIGKILL");
    assert.equal(await show.ended, "SIGKILL");
    await show.assertGone();
  });

  it("--against what cannot be run, it says so", async (t) => {
    const show = startShow(t, ["--against", "./no-such-program"]);
    assert.equal(await show.ended, 70);
    assert.match(show.log(), /^demo: Cannot run \.\/no-such-program: .*ENOENT/m);
    await show.assertGone();
  });
});
