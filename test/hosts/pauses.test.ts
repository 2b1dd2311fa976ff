/** Rows C1 and C2: pauses a little longer than the lease. */
import { after, before, describe, it } from "node:test";
import { needsPidNamespace } from "../support/processes.ts";
import { type Cluster, openCluster } from "./cluster.ts";
import { freezeTogether, stopAlone, stopFollowed } from "./pauses.ts";

const pid1 = needsPidNamespace();

describe("pauses", { concurrency: 3, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  it("C1 a leader stopped for 1.1 D kills on waking, before it renews what is still its own", (t) =>
    stopAlone(t, cluster, 1.1));

  it("C1 a leader stopped for 1.3 D and followed writes nothing, and its command has the smaller token", (t) =>
    stopFollowed(t, cluster, 1.3));

  it(
    "C2 a leader frozen with its command for 1.1 D: the tree is dead on thawing, its token smaller",
    pid1,
    (t) => freezeTogether(t, cluster, 1.1),
  );
});
