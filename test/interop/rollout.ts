/**
 * Row X3: a Deployment is rolled out from us to client-go and back, again and again, one replica
 * after the other as Kubernetes does: the new one is there before the old one gets SIGTERM.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { ControlPlane } from "../cluster/control-plane.ts";
import { type Figure, figureOf } from "../cluster/figures.ts";
import { assertNeverTwo, isOfGo, untilCommands } from "../cluster/go-peer.ts";
import { gapsMs, quick } from "../cluster/replicas.ts";
import { until } from "../cluster/until.ts";
import { starts } from "../hosts/oracle.ts";
import { mix, type Mixed } from "./mixed.ts";

type Kind = "ours" | "client-go";

/** A replica that has joined. */
interface Member {
  /** Sends SIGTERM and waits for its end. */
  stop(): Promise<void>;
}

const replicas = 2;
/** Which two kinds, in this order, a gap lies between. */
const changes = ["ours → client-go", "client-go → ours", "ours → ours", "client-go → client-go"];

/** What is measured is from the last line of a command to the first of the next one, in ms. */
export async function rollOut(
  t: TestContext,
  plane: ControlPlane,
  rounds: number,
  say: (line: string) => void = () => undefined,
): Promise<Readonly<Record<string, Figure>>> {
  const mixed = await mix(t, plane, { oracle: { grandchild: true } });
  const { journal } = mixed.deployment;
  let serial = 0;
  let members: Member[] = [];
  for (; serial < replicas; serial += 1) members.push(await join(mixed, "ours", serial));
  await assertLed(mixed);
  for (let round = 1; round <= rounds; round += 1) {
    for (const kind of ["client-go", "ours"] as const) {
      for (const old of members) {
        serial += 1;
        const fresh = await join(mixed, kind, serial);
        members = [...members.filter((member) => member !== old), fresh];
        await old.stop();
        await assertLed(mixed);
      }
      assert.equal(isOfGo(starts(journal).at(-1)!) ? "client-go" : "ours", kind);
    }
    say(`round ${round} of ${rounds}: ${starts(journal).length} commands so far`);
  }
  await Promise.all(members.map((member) => member.stop()));
  assertNeverTwo(journal);
  return figures(journal, rounds);
}

/** Starts a replica, which follows if there is anybody to follow. */
async function join({ deployment, peer }: Mixed, kind: Kind, serial: number): Promise<Member> {
  const isLed = starts(deployment.journal).length > 0;
  if (kind === "ours") {
    const { identity, bin } = await deployment.start();
    if (isLed) await bin.log.first(/the leader is|nobody holds/);
    return {
      async stop() {
        bin.signal("SIGTERM");
        const { code, signal } = await bin.ended;
        // Whoever never led had no command whose code could be passed on.
        assert.ok(
          signal === null && (code === 0 || code === 143),
          `${identity}: ${code} ${signal}`,
        );
      },
    };
  }
  const go = await peer({ identity: `go-${serial}` });
  if (isLed) await go.untilEvent("observed-leader");
  return {
    async stop() {
      go.signal("SIGTERM");
      assert.equal((await go.untilEvent("exit")).code, 0);
    },
  };
}

/** Somebody leads and runs its command; each term before counts one, and none counts twice. */
async function assertLed({ deployment }: Mixed): Promise<void> {
  const lease = await until("a leader", async () => {
    const { spec } = await deployment.operator.lease().catch(() => ({ spec: undefined }));
    return spec?.["holderIdentity"] ? spec : undefined;
  });
  const transitions = Number(lease["leaseTransitions"] ?? 0);
  await untilCommands(deployment, transitions + 1);
  assert.equal(starts(deployment.journal).length, transitions + 1, "commands, one for each term");
}

function figures(journal: string, rounds: number): Readonly<Record<string, Figure>> {
  const kinds = starts(journal).map((entry) => (isOfGo(entry) ? "client-go" : "ours"));
  const gaps = gapsMs(journal);
  assert.equal(gaps.length, kinds.length - 1);
  const found: Record<string, Figure> = {};
  for (const change of changes) {
    const ofChange = gaps.filter((_, at) => `${kinds[at]} → ${kinds[at + 1]}` === change);
    if (ofChange.length > 0) found[change] = figureOf(ofChange);
  }
  assert.ok(found["ours → client-go"]!.n >= rounds, "each round changes over");
  const back = found["client-go → ours"]!;
  assert.ok(back.n >= rounds, "and back");
  // Our wait counts from its release, and its command outlives that by a moment (DL1).
  assert.ok(back.min >= quick.leaseMs - quick.retryMs, `S7: only ${back.min} ms`);
  return found;
}
