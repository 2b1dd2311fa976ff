/** Row C7: a loop that hangs for half a minute. */
import { after, before, describe, it } from "node:test";
import { type Cluster, openCluster } from "../hosts/cluster.ts";
import { blockLoop } from "./blocked.ts";

describe("a long block", { timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  it("C7 a loop blocked for 30 s: the guard kills by H, and another follows", (t) =>
    blockLoop(t, cluster, 30_000));
});
