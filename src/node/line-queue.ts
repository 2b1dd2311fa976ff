/** Lines on their way out: bounded, and honest about what did not fit. */

export interface LineQueue {
  add(line: string): void;
  /** The bytes to write next, if there are any. */
  first(): Buffer | undefined;
  /** The first `count` of those bytes are off our hands. */
  wrote(count: number): void;
  /** All the lines that wait, taken out at once. */
  takeAll(): Buffer | undefined;
}

export function createLineQueue(maxLines: number): LineQueue {
  const waiting: Buffer[] = [];
  let dropped = 0;

  /** Stands where the lines would have stood. */
  function tellDropped(): void {
    if (dropped === 0) return;
    const lines = dropped === 1 ? "1 line was" : `${dropped} lines were`;
    waiting.push(encode(`${lines} dropped here: standard error was not read`));
    dropped = 0;
  }

  return {
    add(line: string): void {
      if (waiting.length >= maxLines) {
        dropped += 1;
        return;
      }
      tellDropped();
      waiting.push(encode(line));
    },
    first(): Buffer | undefined {
      if (waiting.length === 0) tellDropped();
      return waiting[0];
    },
    wrote(count: number): void {
      const rest = waiting[0]?.subarray(count);
      if (rest === undefined || rest.length === 0) waiting.shift();
      else waiting[0] = rest;
    },
    takeAll(): Buffer | undefined {
      tellDropped();
      return waiting.length === 0 ? undefined : Buffer.concat(waiting.splice(0));
    },
  };
}

/** One line in one buffer, so that a short one (4 KiB) goes into a pipe whole or not at all. */
function encode(line: string): Buffer {
  return Buffer.from(`${line.replace(/\r?\n/gu, "\\n")}\n`);
}
