/** An API server that is away, that is not the one it should be, or that has changed its papers. */
import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { after, before, describe, it, type TestContext } from "node:test";
import { createServer } from "node:tls";
import { createAuthority, type ServerCertificate } from "../support/certificates.ts";
import type { Target } from "../support/proxy.ts";
import { type Network, openNetwork } from "./network.ts";
import { assertOutlived } from "./outage.ts";
import { short, Team } from "./team.ts";

const hourMs = 3_600_000;

describe("another server", { concurrency: 3, timeout: 100_000 }, () => {
  let network: Network;
  before(async () => {
    network = await openNetwork();
  });
  after(() => network.close());

  it("N25 down for 2 D: stopped by H, and exactly one starts when it is back", async (t) => {
    await assertOutlived(t, network, 10_000);
  });

  it("N12 a server that is not ours learns nothing, and its lies count as silence", async (t) => {
    const team = new Team(t, network, "impostor", short);
    const { authority } = network;
    const stranger = await createAuthority({ name: "stranger" });
    const past = {
      notBefore: new Date(Date.now() - 2 * hourMs),
      notAfter: new Date(Date.now() - hourMs),
    };
    const impostors: readonly (readonly [ServerCertificate, RegExp])[] = [
      [await authority.issue(past), /CERT_HAS_EXPIRED/],
      [await authority.issue({ addresses: ["192.0.2.1"] }), /ERR_TLS_CERT_ALTNAME_INVALID/],
      [await stranger.issue(), /UNABLE_TO_VERIFY_LEAF_SIGNATURE/],
    ];
    const heard: Buffer[] = [];
    const { leader, confirmed } = await team.startLed(2);
    for (const [certificate, problem] of impostors) {
      leader.proxy.turnTo(await serveImpostor(t, certificate, heard));
      await leader.bin.log.first(problem);
    }
    await team.assertReplaced(confirmed);
    assert.deepEqual(heard, [], "not even the token");
  });

  it("N13 a CA replaced on disk: the next reading of the token trusts the new server", async (t) => {
    const team = new Team(t, network, "new-ca", short);
    const { leader, confirmed } = await team.startLed(2);
    const next = await createAuthority({ name: "next" });
    const target = await network.serve(await next.issue());
    const both = `${network.authority.caPem}\n${next.caPem}`;
    for (const member of team.members) await member.trust(both);
    // A token that is refused is read again, and the CA beside it.
    const refused = new Set<string>();
    team.ledger.meddle = ({ identity, what }, response) => {
      if (what === "watch" || refused.has(identity)) return false;
      refused.add(identity);
      response.writeHead(401).end("{}");
      return true;
    };
    const proxies = team.members.map(({ proxy }) => proxy);
    // A follower asks again only when its watch breaks.
    for (const proxy of proxies) proxy.turnTo(network);
    await team.asked(() => refused.size === proxies.length, "a refusal for everybody");
    await team.renewed(leader, 1);
    for (const proxy of proxies) proxy.turnTo(target);
    await team.renewed(leader, 3);
    assert.doesNotMatch(team.logs(), /CERT|VERIFY/);
    team.assertUndisturbed(confirmed);
  });
});

/** Takes down whatever it is told. */
async function serveImpostor(
  t: TestContext,
  { certPem, keyPem }: ServerCertificate,
  heard: Buffer[],
): Promise<Target> {
  const server = createServer({ cert: certPem, key: keyPem }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => heard.push(bytes));
  });
  // A client that turns away is what is looked for.
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}
