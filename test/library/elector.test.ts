/** Electors on virtual time: what a campaign promises, from its first look to its release. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LeaderElector } from "../../src/library/index.ts";
import { EmbeddedApiServer } from "../../src/testing/index.ts";

const lease = { namespace: "default", name: "demo" };

test("campaign() calls the function once, and hands over", async () => {
  const server = new EmbeddedApiServer();
  const { time } = server;
  const a = new LeaderElector({ lease, identity: "a", host: server.replica() });
  const b = new LeaderElector({ lease, identity: "b", host: server.replica() });
  const log: string[] = [];
  const stop = new AbortController();
  const first = a.campaign(
    async (term) => {
      log.push("a leads");
      await time.sleep(60_000, { signal: term.signal }).catch(() => log.push("a stops"));
      await time.sleep(500);
      log.push("a ended");
      return 1;
    },
    { signal: stop.signal },
  );
  await time.advance(1000);
  const second = b.campaign(() => void log.push("b leads"));
  await time.advance(30_000);
  stop.abort();
  await time.advance(600);
  assert.equal(await first, 1);
  await second;
  assert.deepEqual(log, ["a leads", "a stops", "a ended", "b leads"]);
});
