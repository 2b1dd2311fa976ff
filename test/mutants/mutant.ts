/** What a mutant is: one planted mistake, and what has to notice it. */

export interface Mutant {
  /** Also the name of its folder. */
  readonly name: string;
  /** The compiled file, from `dist/` on, such as `src/node/clock.js`. */
  readonly file: string;
  /** Stands in that file exactly once. */
  readonly from: string;
  readonly to: string;
  readonly falls: "simulation" | Fall;
  /** What the mistake would do to a user, or why it is a mistake at all. */
  readonly note?: string;
}

/** The tests that have to notice, all in one file. */
export interface Fall {
  /** From `dist/` on, such as `test/node/clock.test.js`. */
  readonly file: string;
  /** A regular expression for their titles; at least one of them fails. */
  readonly titles: string;
}
