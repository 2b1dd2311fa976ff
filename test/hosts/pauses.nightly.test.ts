/** Rows C1 and C2: pauses of up to four leases. */
import { after, before, describe, it } from "node:test";
import { needsPidNamespace } from "../support/processes.ts";
import { type Cluster, openCluster } from "./cluster.ts";
import { freezeTogether, stopAlone, stopFollowed } from "./pauses.ts";

const pid1 = needsPidNamespace();

describe("long pauses", { concurrency: 3, timeout: 200_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  for (const durations of [2.4, 4]) {
    it(`C1 a leader stopped for ${durations} D kills on waking, before it renews`, (t) =>
      stopAlone(t, cluster, durations));

    it(`C1 a leader stopped for ${durations} D and followed writes nothing`, (t) =>
      stopFollowed(t, cluster, durations));

    it(`C2 a leader frozen with its command for ${durations} D is dead on thawing`, pid1, (t) =>
      freezeTogether(t, cluster, durations),
    );
  }
});
