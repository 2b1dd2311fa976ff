import { after, before, describe, it } from "node:test";
import { type ControlPlane, startControlPlane } from "../cluster/control-plane.ts";
import { untilCommands, untilRenewed } from "../cluster/go-peer.ts";
import { untilFollows } from "../cluster/replicas.ts";
import { assertWaited, durations, flagsOf } from "./durations.ts";
import { mix, skip } from "./mixed.ts";

/** S7, at 5/3/1. */
const goWaitMs = 4000;

describe("records that last for a minute", { concurrency: 2, skip }, () => {
  let plane: ControlPlane;
  before(async () => {
    if (!skip) plane = await startControlPlane();
  });
  after(() => plane?.close());

  it("X5 a record of 60 s is honoured by followers of 5 and 15 s, and by client-go", async (t) => {
    const { deployment, peer } = await mix(t, plane);
    const leader = await deployment.start(durations("60/10/2"));
    await deployment.untilStarts(1);
    const followers = [deployment.start(), deployment.start(durations("15/10/2"))];
    for (const follower of await Promise.all(followers)) {
      await untilFollows(follower, leader.identity);
    }
    await (await peer()).untilEvent("observed-leader");
    await untilRenewed(deployment);
    await leader.crash();
    await assertWaited(t, deployment, 60_000);
  });

  it("X5 client-go's record of 60 s is honoured by our follower of 5 s, with its wait", async (t) => {
    const { deployment, peer } = await mix(t, plane);
    const go = await peer({ flags: flagsOf("60/10/2") });
    await untilCommands(deployment, 1);
    await untilFollows(await deployment.start(), "go");
    await untilRenewed(deployment);
    await go.close();
    await assertWaited(t, deployment, 60_000 + 12 * goWaitMs);
  });
});
