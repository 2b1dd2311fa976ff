/**
 * A value that lives outside the process and changes there, such as a token file: read again when
 * it is old or was refused. Once it could be read, a later failure keeps the last good value,
 * because a rotated token is usually still valid for minutes while an absent one never is.
 */

export interface Reread<T> {
  /**
   * The value, no older than was asked for where the outside allows it.
   *
   * @throws what the reading threw, as long as there is no value from before.
   */
  get(): Promise<T>;
  /** Has the next `get` read again, whatever the age. */
  expire(): void;
}

/** How long a caller waits for a reading while a value from before is at hand. */
const patienceMs = 1000;

export function createReread<T>(read: () => Promise<T>, maxAgeMs: number): Reread<T> {
  let known: { readonly value: T } | undefined;
  let readAt = -Infinity;
  let reading: Promise<T> | undefined;

  async function readNow(): Promise<T> {
    const startedAt = performance.now();
    const value = await read();
    known = { value };
    readAt = startedAt;
    return value;
  }

  /** One reading serves all who wait: a hung file system may take one thread, not all of them. */
  function readOnce(): Promise<T> {
    reading ??= readNow().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  return {
    async get(): Promise<T> {
      if (known === undefined) return readOnce();
      const { value } = known;
      if (performance.now() - readAt < maxAgeMs) return value;
      return Promise.race([readOnce().catch(() => value), afterwards(patienceMs, value)]);
    },
    expire(): void {
      readAt = -Infinity;
    },
  };
}

function afterwards<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms, value).unref();
  });
}
