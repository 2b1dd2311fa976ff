/**
 * Lines on their way into a file, one write at a time: a thread of the pool writes, and the loop waits
 * for nothing. A file that is full becomes `FILE.1`, in place of the one before, so that two files are
 * all there ever is.
 */
import { constants } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import type { Tape } from "../core/recording.ts";

export interface TapeOptions {
  readonly file: string;
  /** Nothing more is written from here on; called once. */
  readonly failed: (error: unknown) => void;
  /** A file is full from here on. */
  readonly maxBytes?: number;
  /** What may wait for the disk. */
  readonly maxWaitingBytes?: number;
  /** In place of the real one, for tests. */
  readonly openFile?: typeof openRegular;
}

interface Waiting {
  readonly line: Buffer;
  /** It begins a new file. */
  readonly isFirst: boolean;
}

/** The lease is released by then: a slow disk delays nothing but the end of the container. */
const endTimeoutMs = 2000;

/** Opens nothing before the first line. */
export class FileTape implements Tape {
  readonly #options: Required<TapeOptions>;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Of the file that the next line goes to, with the lines that wait for it. */
  #fileBytes = 0;
  #handle: FileHandle | undefined;
  #working: Promise<void> | undefined;
  #isOff = false;

  constructor(options: TapeOptions) {
    this.#options = {
      maxBytes: 16 * 1024 * 1024,
      maxWaitingBytes: 8 * 1024 * 1024,
      openFile: openRegular,
      ...options,
    };
  }

  append(text: string): void {
    this.#add(text, false);
  }

  turn(text: string): void {
    this.#fileBytes = 0;
    this.#add(text, true);
  }

  isFull(): boolean {
    return !this.#isOff && this.#fileBytes >= this.#options.maxBytes;
  }

  /** Waits for the last lines; false when a thread stays stuck, as in `Printer.flush`. */
  async end(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, endTimeoutMs, false);
    });
    const isWritten = await Promise.race([this.#closed(), late]);
    clearTimeout(timer);
    return isWritten;
  }

  async #closed(): Promise<true> {
    for (let working = this.#working; working !== undefined; working = this.#working) await working;
    await this.#handle?.close().catch(() => {});
    this.#handle = undefined;
    return true;
  }

  #add(text: string, isFirst: boolean): void {
    if (this.#isOff) return;
    const line = Buffer.from(`${text}\n`);
    this.#waiting.push({ line, isFirst });
    this.#waitingBytes += line.length;
    this.#fileBytes += line.length;
    if (this.#waitingBytes <= this.#options.maxWaitingBytes) this.#work();
    else this.#turnOff(new Error("the disk does not keep up"));
  }

  #work(): void {
    this.#working ??= this.#writeAll()
      .catch((error: unknown) => this.#turnOff(error))
      .finally(() => {
        this.#working = undefined;
        if (this.#waiting.length > 0) this.#work();
      });
  }

  async #writeAll(): Promise<void> {
    this.#handle ??= await this.#openOld();
    while (this.#waiting[0] !== undefined) {
      if (this.#waiting[0].isFirst) await this.#openNew();
      const next = this.#waiting.findIndex(({ isFirst }, index) => isFirst && index > 0);
      const lines = this.#waiting.splice(0, next === -1 ? this.#waiting.length : next);
      const bytes = Buffer.concat(lines.map(({ line }) => line));
      await this.#handle.appendFile(bytes);
      this.#waitingBytes -= bytes.length;
    }
  }

  /** Goes on in the file of a process before. A line that it could not end stays for itself. */
  async #openOld(): Promise<FileHandle> {
    const { handle, size } = await this.#options.openFile(this.#options.file);
    if (!this.#waiting.some(({ isFirst }) => isFirst)) this.#fileBytes += size;
    if (size > 0) await handle.appendFile("\n");
    return handle;
  }

  async #openNew(): Promise<void> {
    const { file, openFile } = this.#options;
    await this.#handle?.close();
    await rename(file, `${file}.1`);
    this.#handle = (await openFile(file)).handle;
  }

  #turnOff(error: unknown): void {
    if (this.#isOff) return;
    this.#isOff = true;
    this.#waiting = [];
    // A write under way ends before its file is closed, and how it ends matters to nobody.
    this.#handle?.close().catch(() => {});
    this.#handle = undefined;
    this.#options.failed(error);
  }
}

/** Opened without waiting, which a FIFO would; and only a regular file has a size and a new name. */
async function openRegular(
  file: string,
): Promise<{ readonly handle: FileHandle; readonly size: number }> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants;
  const handle = await open(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o600);
  const stats = await handle.stat();
  if (stats.isFile()) return { handle, size: stats.size };
  await handle.close();
  throw new Error("it is not a regular file");
}
