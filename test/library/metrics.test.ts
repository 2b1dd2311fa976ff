/** Metrics in a registry of prom-client, lines of a logger, and news on diagnostics channels. */
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import { Registry } from "prom-client";
import { type ChannelMessage, channelNames } from "../../src/library/index.ts";
import { Stage } from "./stage.ts";

test("metrics: electors of one registry tell apart by their Lease", async () => {
  const stage = new Stage();
  const metrics = new Registry();
  const a = await stage.startLed("a", { metrics });
  const b = await stage.startLed("b", { metrics, lease: { namespace: "default", name: "other" } });
  await stage.time.advance(10_000);
  const read = () => metrics.metrics();
  assert.match(
    await read(),
    /^leader_election_master_status\{name="demo",namespace="default"\} 1$/m,
  );
  assert.match(
    await read(),
    /^leader_election_master_status\{name="other",namespace="default"\} 1$/m,
  );
  assert.match(await read(), /^await_election_terms_total\{name="demo",namespace="default"\} 1$/m);
  assert.match(
    await read(),
    /^await_election_renew_seconds_bucket\{le="0.005",name="demo",namespace="default"\} [45]$/m,
  );
  stage.edit("somebody");
  await stage.time.advance(100);
  assert.match(
    await read(),
    /^await_election_losses_total\{name="demo",namespace="default",reason="other holder"\} 1$/m,
  );
  assert.match(
    await read(),
    /^leader_election_master_status\{name="demo",namespace="default"\} 0$/m,
  );
  await a.elector.close();
  assert.doesNotMatch(await read(), /name="demo"/, "a closed elector is not told of any more");
  assert.match(await read(), /name="other"/);
  const closing = b.elector.close();
  await stage.time.advance(100);
  await closing;
});

test("metrics: a hand-over is measured by who takes over", async () => {
  const stage = new Stage();
  const metrics = new Registry();
  const a = await stage.startLed("a");
  const b = stage.start("b", { metrics });
  await stage.time.advance(1000);
  a.terms[0]!.resign();
  await stage.untilLeads(b);
  assert.match(
    await metrics.metrics(),
    /^await_election_handover_seconds_count\{name="demo",namespace="default"\} 1$/m,
  );
});

test("logger: a line per event, with values that stay on their line", async () => {
  const stage = new Stage();
  const lines: string[] = [];
  const add = (level: string) => (line: string) => lines.push(`${level} ${line}`);
  const logger = { error: add("E"), warn: add("W"), info: add("I"), debug: add("D") };
  const a = await stage.startLed("a", { logger });
  stage.edit("some\nbody");
  await stage.time.advance(100);
  assert.ok(a.terms[0]!.signal.aborted);
  assert.ok(lines.some((line) => /^I leading token=\d+ .*lease=default\/demo$/.test(line)));
  const lost = lines.filter((line) => line.startsWith("E lost the lease"));
  assert.equal(lost.length, 1);
  assert.ok(!lost[0]!.includes("\n"));
});

test("diagnostics channels: start, abort, end, overrun", async () => {
  const stage = new Stage();
  const told: string[] = [];
  const listeners = Object.values(channelNames).map((name) => {
    const listener = (message: unknown) => {
      const { token, identity, lease } = message as ChannelMessage;
      assert.ok(token !== undefined);
      told.push(`${name} ${lease.name} ${identity}`);
    };
    subscribe(name, listener);
    return () => unsubscribe(name, listener);
  });
  const a = await stage.startLed("a", { stopMs: 20_000, onOverrun: "warn" });
  a.replica.cut();
  await stage.time.advance(60_000);
  for (const end of listeners) end();
  const { start, abort, overrun, end } = channelNames;
  assert.deepEqual(
    told,
    [start, abort, overrun, end].map((name) => `${name} demo a`),
  );
});
