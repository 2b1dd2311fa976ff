/**
 * Faults of the Node host that nothing outside a process can cause: what the environment of a replica
 * needs, so that `planted.ts` is loaded before it and causes them.
 */

/** What happens at SIGPIPE, the one signal that the host neither obeys nor passes on. */
export type Fault =
  | { readonly type: "block"; readonly ms: number }
  | { readonly type: "throw" | "reject" | "overflow" | "abort" | "exhaust" | "hoard" }
  /** The clocks that count a suspend jump by so much; the loop is stuck for a while after. */
  | { readonly type: "suspend"; readonly ms: number; readonly stuckMs: number }
  | { readonly type: "endGuard" | "stallGuard" }
  | {
      readonly type: "spoilClock";
      readonly thread: "loop" | "guard";
      readonly how: "goes back" | "unreadable";
    };

export interface Plant {
  readonly fault?: Fault;
  /** How fast the clocks of this process run; all of them but the wall clock, in every thread. */
  readonly rate?: number;
  /** What the wall clock says: an hour more or less at every look, always the same, or a date. */
  readonly wall?: "jumping" | "frozen" | `from ${string}`;
  /** Keeps the garbage collector busy: so many megabytes of short-lived objects at a time. */
  readonly litterMb?: number;
}

export const plantVariable = "AWAIT_ELECTION_TEST_PLANT";

/** The variables that plant this in the entry point, and in no other program. */
export function planted(plant: Plant): Readonly<Record<string, string>> {
  const module = new URL("./planted.js", import.meta.url).href;
  return { NODE_OPTIONS: `--import=${module}`, [plantVariable]: JSON.stringify(plant) };
}
