/** An API server that is known by a name, as real replicas ask the real resolver for it. */
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { freePort } from "../cluster/server-processes.ts";
import { openProxy, type Proxy } from "../support/proxy.ts";
import { needsMountNamespace, openNames } from "./names.ts";
import { type Network, openNetwork } from "./network.ts";
import { short, Team } from "./team.ts";

/** In the server's certificate, and here a name like any other: there is no file of hosts. */
const name = "localhost";

describe("a name", { concurrency: 2, timeout: 100_000, ...needsMountNamespace() }, () => {
  let network: Network;
  before(async () => {
    network = await openNetwork();
  });
  after(() => network.close());

  /** Ways to the API server with one port and different addresses. */
  async function openDoors(t: TestContext, hosts: readonly string[]): Promise<readonly Proxy[]> {
    const port = await freePort();
    const doors: Proxy[] = [];
    for (const host of hosts) doors.push(await openProxy(network, { host, port }));
    t.after(() => {
      for (const door of doors) door.close();
    });
    return doors;
  }

  it("N10 one of two addresses dead: the other one is used within one more attempt", async (t) => {
    const team = new Team(t, network, "two-addresses", short);
    const doors = await openDoors(t, ["127.0.0.2", "127.0.0.3"]);
    const names = await openNames(t);
    names.say(doors.map(({ host }) => host));
    const { port } = doors[0]!;
    const led = await team.startLed(2, {
      before: names.before,
      server: { host: name, port },
    });
    for (const dead of doors) {
      const confirmed = await team.renewed(led.leader, 1);
      const other = doors.find((door) => door !== dead)!;
      dead.halfOpen();
      const next = await team.renewed(led.leader, 1);
      const waitedMs = next.atMs - confirmed.atMs;
      t.diagnostic(`${dead.host} is dead: renewed after ${waitedMs.toFixed(0)} ms`);
      const { retryMs, requestMs } = team.timing;
      assert.ok(waitedMs <= retryMs + 2 * requestMs);
      await team.renewed(led.leader, 2);
      assert.ok(other.taken > 0);
      await dead.heal();
    }
    team.assertUndisturbed(led.confirmed);
  });

  it("N11 DNS that fails, lies or is silent: the address that worked is kept", async (t) => {
    const team = new Team(t, network, "no-names", short);
    const [door, grave] = await openDoors(t, ["127.0.0.4", "127.0.0.5"]);
    grave!.halfOpen();
    const names = await openNames(t);
    names.say([door!.host]);
    const { port } = door!;
    const led = await team.startLed(2, {
      before: names.before,
      server: { host: name, port },
    });
    for (const spoil of [() => names.say([]), () => names.say([grave!.host]), () => names.hush()]) {
      const taken = door!.taken;
      spoil();
      // Every connection has to be made anew.
      door!.turnTo(network);
      await team.renewed(led.leader, 2);
      assert.ok(door!.taken > taken);
    }
    assert.ok(grave!.taken > 0, "the lie was believed, and found out");
    team.assertUndisturbed(led.confirmed);
  });
});
