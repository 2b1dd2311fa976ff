/** Row P1 as a figure: how long a signal takes through the entry point. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type Bin, startBare } from "./bin.ts";
import { type Cluster, openCluster } from "./cluster.ts";

const signals = 100;
/** The hard limit; 10 ms are wanted. */
const forwardMs = 50;

const argv = [process.execPath, fileURLToPath(new URL("./recorder-command.js", import.meta.url))];

describe("forwarding", { timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  it(`P1 a signal takes at most ${forwardMs} ms longer than to the command alone`, async (t) => {
    const alone = await startBare(t, { argv });
    const inside = await cluster.start(t, { lease: "forwarded", argv });
    const [aloneMs, insideMs] = [await median(alone), await median(inside)];
    t.diagnostic(`medians: ${aloneMs.toFixed(1)} ms alone, ${insideMs.toFixed(1)} ms through it`);
    assert.ok(insideMs - aloneMs <= forwardMs);
  });
});

/** From sending a signal to reading that the command has it. */
async function median(bin: Bin): Promise<number> {
  await bin.output.first(/^ready/);
  const tookMs: number[] = [];
  while (tookMs.length < signals) {
    const before = bin.output.all.length;
    const sentAt = performance.now();
    bin.signal("SIGWINCH");
    await bin.output.first(/^SIGWINCH/, before);
    tookMs.push(performance.now() - sentAt);
  }
  return tookMs.sort((a, b) => a - b)[signals / 2] ?? assert.fail();
}
