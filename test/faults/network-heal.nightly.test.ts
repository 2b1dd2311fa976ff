/** The whole sweep of heals after a cut: 12 to 24 s in steps of half a second, where D is 15 s. */
import { after, before, describe, it } from "node:test";
import { assertHealed } from "./heal.ts";
import { type Network, openNetwork } from "./network.ts";

const shares = Array.from({ length: 25 }, (_, step) => (12 + step / 2) / 15);

describe("a way that heals", { concurrency: 3, timeout: 300_000 }, () => {
  let network: Network;
  before(async () => {
    network = await openNetwork();
  });
  after(() => network.close());

  for (const share of shares) {
    it(`N4 healed ${share.toFixed(3)} D after the cut: nobody writes on another's record`, async (t) => {
      await assertHealed(t, network, share);
    });
  }
});
