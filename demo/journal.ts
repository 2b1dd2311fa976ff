/**
 * The journal: what the commands wrote about their own lives, and what follows from it.
 *
 * Each command appends a line when it starts, every `beatMs` while it lives, and when it has
 * stopped; nobody else writes here. An interval is a time in which a command surely ran. A command
 * that is killed has its last beat as its end; one that is paused for longer than `pauseMs` did
 * nothing meanwhile, and has an interval before the pause and one after it.
 */

/** One line of the journal. */
export interface Entry {
  readonly what: "start" | "beat" | "stop";
  readonly replica: string;
  readonly pid: number;
  /** The fencing token of its term; empty where the entry point gives none. */
  readonly token: string;
  /** Where its page is. */
  readonly port?: number;
  /** On the suspend-counting clock. */
  readonly atNs: number;
}

export interface Interval {
  readonly replica: string;
  readonly pid: number;
  readonly token: string;
  readonly startNs: number;
  readonly endNs: number;
}

export const beatMs = 10;

/** Far more than a beat that is late on a busy machine. */
const pauseMs = 500;

/** The intervals of a journal that grows. */
export class Lives {
  readonly #done: Interval[] = [];
  /** The last interval of each command that has not said that it stopped, by pid. */
  readonly #open = new Map<number, Interval>();
  readonly #ports = new Map<number, number>();

  add(entry: Entry): void {
    const { what, replica, pid, token, port, atNs } = entry;
    const open = this.#open.get(pid);
    if (port !== undefined) this.#ports.set(pid, port);
    // Pids are given again, to a command that says so.
    if (open === undefined || what === "start" || atNs - open.endNs > pauseMs * 1e6) {
      if (open !== undefined) this.#done.push(open);
      this.#open.set(pid, { replica, pid, token, startNs: atNs, endNs: atNs });
    } else {
      this.#open.set(pid, { ...open, endNs: atNs });
    }
    if (what === "stop") this.#close(pid);
  }

  /** By their starts. */
  intervals(): readonly Interval[] {
    return [...this.#done, ...this.#open.values()].toSorted((a, b) => a.startNs - b.startNs);
  }

  /** The last intervals of commands that have not said that they stopped, by their starts. */
  unstopped(): readonly Interval[] {
    return [...this.#open.values()].toSorted((a, b) => a.startNs - b.startNs);
  }

  portOf(pid: number): number | undefined {
    return this.#ports.get(pid);
  }

  #close(pid: number): void {
    const open = this.#open.get(pid);
    this.#open.delete(pid);
    this.#ports.delete(pid);
    if (open !== undefined) this.#done.push(open);
  }
}

/** The entries of whole lines, and what is left of a line that is still being written. */
export function parseEntries(text: string): { readonly entries: Entry[]; readonly rest: string } {
  const lines = text.split("\n");
  const rest = lines.pop() ?? "";
  return { entries: lines.map((line) => JSON.parse(line) as Entry), rest };
}
