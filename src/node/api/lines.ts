/** Splits a stream of bytes into lines, in time linear in the bytes however small the chunks are. */

export interface Lines {
  /**
   * The lines that end in this chunk, without their newline.
   *
   * @throws Error when a line is longer than the limit.
   */
  split(chunk: Buffer): Generator<string>;
  /** Whether a line has begun and not ended. */
  isInLine(): boolean;
}

const newline = 0x0a;
const firstCapacityBytes = 4096;

export function createLines(limitBytes: number): Lines {
  let rest = Buffer.alloc(firstCapacityBytes);
  let restBytes = 0;

  function append(bytes: Buffer): void {
    const length = restBytes + bytes.length;
    if (length > limitBytes) {
      throw new Error(`the server sent a line longer than ${limitBytes} bytes`);
    }
    if (length > rest.length) {
      const larger = Buffer.alloc(Math.max(length, 2 * rest.length));
      rest.copy(larger, 0, 0, restBytes);
      rest = larger;
    }
    bytes.copy(rest, restBytes);
    restBytes = length;
  }

  return {
    *split(chunk: Buffer): Generator<string> {
      let start = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
        append(chunk.subarray(start, end));
        const line = rest.toString("utf8", 0, restBytes);
        restBytes = 0;
        start = end + 1;
        yield line;
      }
      append(chunk.subarray(start));
    },
    isInLine: () => restBytes > 0,
  };
}
