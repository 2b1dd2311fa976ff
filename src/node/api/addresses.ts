/**
 * Which address of the API server to try first. DNS is advice: an address that worked stays in the
 * list when DNS fails, hangs or lies, and one that gave trouble goes to the end of it.
 */
import { isIP } from "node:net";
import { unlessAborted } from "./deadline.ts";

export type Resolve = (host: string) => Promise<readonly string[]>;

export interface Addresses {
  /**
   * Every known address of the host, the most promising first.
   *
   * @throws what DNS threw, as long as no address of this host has ever worked.
   */
  of(host: string, signal: AbortSignal): Promise<readonly string[]>;
  /** A verified connection to it was made. */
  worked(host: string, address: string): void;
  /** It refused, stayed silent, or was not who it should be: others go first now. */
  troubled(address: string): void;
}

/** How long DNS is waited for while an address that worked is known. */
const patienceMs = 500;

export function createAddresses(resolve: Resolve = lookUp): Addresses {
  const good = new Map<string, string>();
  const lookups = new Map<string, Promise<readonly string[]>>();
  /** Which trouble was an address's last one; none counts as 0. */
  const troubles = new Map<string, number>();
  let troubleCount = 0;

  /** A lookup takes a thread for as long as DNS is silent, so there is one at a time. */
  function lookUpOnce(host: string): Promise<readonly string[]> {
    const running = lookups.get(host);
    if (running !== undefined) return running;
    const lookup = resolve(host).finally(() => lookups.delete(host));
    lookups.set(host, lookup);
    return lookup;
  }

  function find(host: string): Promise<readonly string[]> {
    const lookup = lookUpOnce(host);
    const last = good.get(host);
    if (last === undefined) return lookup;
    const withLast = lookup.then(
      (found) => [...new Set([...found, last])],
      () => [last],
    );
    return Promise.race([withLast, afterwards(patienceMs, [last])]);
  }

  return {
    async of(host: string, signal: AbortSignal): Promise<readonly string[]> {
      if (isIP(host) !== 0) return [host];
      const found = await unlessAborted(find(host), signal);
      return [...found].sort((a, b) => (troubles.get(a) ?? 0) - (troubles.get(b) ?? 0));
    },
    worked(host: string, address: string): void {
      good.set(host, address);
      troubles.delete(address);
    },
    troubled(address: string): void {
      troubleCount += 1;
      troubles.set(address, troubleCount);
    },
  };
}

async function lookUp(host: string): Promise<readonly string[]> {
  const { lookup } = await import("node:dns/promises");
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

function afterwards<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms, value).unref();
  });
}
