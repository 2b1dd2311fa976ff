/** The faults of a watch that mislead most. */
import { after, before, describe, it } from "node:test";
import { type Network, openNetwork } from "./network.ts";
import { assertWatchFault, type WatchFault } from "./watches.ts";

const faults: readonly WatchFault[] = ["an ERROR event", "old events replayed", "a silent stall"];

describe("a watch that lies", { concurrency: 3, timeout: 100_000 }, () => {
  let network: Network;
  before(async () => {
    network = await openNetwork();
  });
  after(() => network.close());

  for (const fault of faults) {
    it(`N23 ${fault}: no false takeover, and a true one in time`, async (t) => {
      await assertWatchFault(t, network, fault);
    });
  }
});
