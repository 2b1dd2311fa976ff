/**
 * Lines to standard error that never block the loop: a container whose log reader is stuck would
 * lose its lease. The command shares the descriptor, and blocking is a property of what is shared,
 * so it must not be changed either (contract §2). Three ways, by what standard error is:
 *
 * - A pipe or a terminal is opened once more, non-blocking, and that opening is ours alone.
 * - A file or a device is written to directly: it does not block, and its offset is shared.
 * - A socket cannot be opened once more. A thread of the pool writes to it, one write at a time.
 *
 * Lines that nobody reads wait in a bounded queue; when it is full, more are dropped and counted.
 */
import { constants, fstatSync, openSync, readFileSync, write, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { isatty } from "node:tty";
import { createLineQueue, type LineQueue } from "./line-queue.ts";

export interface Printer {
  print(line: string): void;
  /**
   * Waits for the last lines, at most 200 ms. False when a thread stays stuck in a write:
   * `process.exit` would wait for that thread, and so for the reader, for ever.
   */
  flush(): Promise<boolean>;
}

export interface PrinterOptions {
  /** Standard error unless told. */
  readonly descriptor?: number;
  readonly maxLines?: number;
}

const retryMs = 50;
const flushTimeoutMs = 200;
const flushStepMs = 5;

export function createPrinter({ descriptor = 2, maxLines = 1000 }: PrinterOptions = {}): Printer {
  const queue = createLineQueue(maxLines);
  const way = findWay(descriptor);
  return way.needsThread
    ? printInThread(way.descriptor, queue)
    : printDirectly(way.descriptor, queue);
}

function findWay(descriptor: number): { descriptor: number; needsThread: boolean } {
  const stats = fstatSync(descriptor);
  const mayBlock = stats.isSocket() || stats.isFIFO() || isatty(descriptor);
  if (!mayBlock) return { descriptor, needsThread: false };
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    return { descriptor: openSync(`/proc/self/fd/${descriptor}`, flags), needsThread: false };
  } catch {
    // A socket (ENXIO), a pipe that belongs to another user (EACCES), or no /proc.
    return { descriptor, needsThread: !isNonBlocking(descriptor) };
  }
}

/** Whoever started us may have made it so, and it stays as it is. */
function isNonBlocking(descriptor: number): boolean {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
    const flags = Number.parseInt(/^flags:\s*([0-7]+)/mu.exec(info)?.[1] ?? "0", 8);
    return (flags & constants.O_NONBLOCK) !== 0;
  } catch {
    return false;
  }
}

function printDirectly(descriptor: number, queue: LineQueue): Printer {
  let retry: NodeJS.Timeout | undefined;

  function writeWaiting(): void {
    clearTimeout(retry);
    retry = undefined;
    for (let bytes = queue.first(); bytes !== undefined; bytes = queue.first()) {
      const count = writeNow(descriptor, bytes);
      if (count === 0) {
        retry = setTimeout(writeWaiting, retryMs).unref();
        return;
      }
      queue.wrote(count);
    }
  }

  return {
    print(line: string): void {
      queue.add(line);
      if (retry === undefined) writeWaiting();
    },
    async flush(): Promise<boolean> {
      await holds(() => {
        writeWaiting();
        return retry === undefined;
      });
      return true;
    },
  };
}

/**
 * How many bytes are off our hands; 0 when the reader has to read first. What cannot be written at
 * all (EPIPE, ENOSPC, EIO) counts as written, because there is nobody to tell.
 */
function writeNow(descriptor: number, bytes: Buffer): number {
  try {
    return writeSync(descriptor, bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EAGAIN" ? 0 : bytes.length;
  }
}

function printInThread(descriptor: number, queue: LineQueue): Printer {
  let isWriting = false;
  let isOver = false;

  /** A trip to the thread takes a while under load, so it carries all that waits. */
  function writeAll(): void {
    if (isWriting || isOver) return;
    const bytes = queue.takeAll();
    if (bytes === undefined) return;
    isWriting = true;
    write(descriptor, bytes, () => {
      isWriting = false;
      writeAll();
    });
  }

  return {
    print(line: string): void {
      queue.add(line);
      writeAll();
    },
    async flush(): Promise<boolean> {
      if (await holds(() => !isWriting)) return true;
      isOver = true;
      await shutDown(descriptor);
      return holds(() => !isWriting);
    },
  };
}

/**
 * Ends a socket, which ends a write that is stuck in it. The command is gone by now, and what the
 * peer has not read for so long it would not have read.
 */
async function shutDown(descriptor: number): Promise<void> {
  if (!fstatSync(descriptor).isSocket()) return;
  const { Socket } = await import("node:net");
  const socket = new Socket({ fd: descriptor, readable: false, writable: true });
  socket.on("error", () => {});
  socket.end();
}

async function holds(condition: () => boolean): Promise<boolean> {
  const endsAt = performance.now() + flushTimeoutMs;
  while (!condition()) {
    if (endsAt < performance.now()) return false;
    await pause(flushStepMs);
  }
  return true;
}
