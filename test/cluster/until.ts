/** Bounded waiting for a condition of the world outside this process. */

import { setTimeout as pause } from "node:timers/promises";

const everyMs = 25;

/**
 * Asks again and again until there is a value.
 *
 * @throws after `limitMs` (30 s where none is given), naming what was waited for; and at once
 * whatever `attempt` throws.
 */
export async function until<T>(
  what: string,
  attempt: () => T | undefined | Promise<T | undefined>,
  limitMs = 30_000,
): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    const found = await attempt();
    if (found !== undefined) return found;
    if (!(performance.now() - startedAt < limitMs)) {
      throw new Error(`Cannot wait any longer for ${what}: still not so after ${limitMs} ms.`);
    }
    await pause(everyMs);
  }
}
