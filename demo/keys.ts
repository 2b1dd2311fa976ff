/** What each key does. The keys themselves are listed in `picture.ts`, where they are shown. */
import { type Key, keyHelp } from "./picture.ts";
import type { Replica } from "./replica.ts";
import type { World } from "./world.ts";

/** More would not fit on a screen of 24 lines. */
const maxReplicas = 9;

/** Ctrl-C and Ctrl-D are keys while the terminal is ours. */
export function isQuit(key: string): boolean {
  return ["q", "\u0003", "\u0004"].includes(key);
}

/** Does it, and says what was done; nothing for a key that means nothing. */
export async function actByKey(key: string, world: World): Promise<string | undefined> {
  const known = keyHelp.find(([name]) => name === key)?.[0];
  return known === undefined ? undefined : actions[known](world);
}

const actions: Readonly<Record<Key, (world: World) => string | Promise<string>>> = {
  s: (world) => {
    const leader = leaderOf(world);
    leader?.stop();
    return tell(leader, "got SIGTERM: it stops its command, then releases the Lease.");
  },
  k: (world) => {
    const leader = leaderOf(world);
    leader?.kill();
    return tell(leader, "was killed with its command: the others wait until the Lease is old.");
  },
  f: async (world) => {
    const frozen = world.replicas.find(({ condition }) => condition === "frozen");
    await frozen?.thaw();
    if (frozen !== undefined) return tell(frozen, "was thawed.");
    const leader = leaderOf(world);
    leader?.freeze();
    return tell(leader, "was frozen with its command.");
  },
  c: async (world) => {
    const cut = world.replicas.find(({ proxy }) => proxy.isCut);
    await cut?.proxy.heal();
    if (cut !== undefined) return tell(cut, "can reach the API server again.");
    const leader = leaderOf(world);
    leader?.proxy.cut();
    return tell(leader, "is cut off: it stops its command before another may lead.");
  },
  d: async (world) => {
    await world.cluster.deleteLease();
    return "The Lease was deleted: who led kills its command at once.";
  },
  "+": async (world) => {
    if (world.replicas.length >= maxReplicas) return "There are enough replicas.";
    return tell(await world.add(), "was added.");
  },
  "-": (world) => {
    const last = world.replicas.at(-1);
    if (last !== undefined) world.remove(last);
    return tell(last, "was removed.");
  },
  q: () => "",
};

/** Whose command began last; one that is stopping or frozen leads no more. */
function leaderOf(world: World): Replica | undefined {
  const candidates = world.replicas.filter(({ condition }) => condition === "running");
  const life = world.running().findLast((it) => candidates.some(({ name }) => name === it.replica));
  return candidates.find(({ name }) => name === life?.replica);
}

function tell(replica: Replica | undefined, what: string): string {
  return replica === undefined ? "Nobody leads." : `${replica.name} ${what}`;
}
