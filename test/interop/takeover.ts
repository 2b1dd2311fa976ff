/** How soon the next term begins after client-go's, where we wait for nothing (row X1). */
import type { TestContext } from "node:test";
import type { ControlPlane } from "../cluster/control-plane.ts";
import { eventAtMs, untilCommands, untilRenewed } from "../cluster/go-peer.ts";
import { asBootMs, bootMs, renewedAtMs, toldAtMs, untilFollows } from "../cluster/replicas.ts";
import { mix, type Mixed } from "./mixed.ts";

export type Fault = "crashes" | "releases";

/** From client-go's last renewal, or from its SIGTERM, to the term of its one follower. */
export async function takeoverMs(
  t: TestContext,
  plane: ControlPlane,
  fault: Fault,
  followedBy: "us" | "client-go",
): Promise<number> {
  const mixed = await mix(t, plane);
  const { deployment, peer } = mixed;
  // Its command may run on for a moment after its release: that is the risk of such a delay.
  const go = await peer({ journal: `${deployment.journal}-before` });
  await go.untilEvent("leading");
  const ledAtMs = followedBy === "us" ? await followWithUs(mixed) : await followWithGo(mixed);
  await untilRenewed(deployment);
  let from = bootMs();
  if (fault === "releases") go.signal("SIGTERM");
  else {
    await go.close();
    from = asBootMs(renewedAtMs(await deployment.operator.lease()));
  }
  await untilCommands(deployment, 1);
  return (await ledAtMs()) - from;
}

type LedAtMs = () => Promise<number>;

async function followWithUs({ deployment }: Mixed): Promise<LedAtMs> {
  const replica = await deployment.start({ K8S_AWAIT_ELECTION_TAKEOVER_DELAY: "0" });
  await untilFollows(replica, "go");
  return async () => {
    await replica.bin.log.first(/the command runs/);
    return asBootMs(toldAtMs(replica, "runs"));
  };
}

async function followWithGo({ peer }: Mixed): Promise<LedAtMs> {
  const follower = await peer({ identity: "go-follower" });
  await follower.untilEvent("observed-leader");
  return async () => eventAtMs(await follower.untilEvent("leading"));
}
