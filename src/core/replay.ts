/**
 * Plays a recording again: the program gets the same reports at the same times, and has to give the
 * same orders. Yields a transcript, and returns how it ended.
 */
import { asObject, isoTime } from "./json.ts";
import { begin, type Program, step } from "./program.ts";
import { type Instant, instant, type Now, type Order, type Report } from "./protocol.ts";
import { digestOf, type Line, type Outcome, readLine } from "./recording.ts";
import { describeOrder, describeReport } from "./transcript.ts";

/** A line of a file. */
export interface Written {
  /** Such as `record.jsonl:17`. */
  readonly where: string;
  readonly text: string;
  /** Whether a line end comes after it. */
  readonly isWhole: boolean;
}

export type Ending =
  | { readonly how: "verified"; readonly runs: number; readonly steps: number }
  | { readonly how: "different"; readonly where: string; readonly problem: string }
  | { readonly how: "unreadable"; readonly where: string; readonly problem: string };

type Move = Extract<Line, { what: "move" }>;

/** `version` is that of the program which plays it. */
export function* replay(lines: Iterable<Written>, version: string): Generator<string, Ending> {
  const player = new Player(version);
  let fragment: Written | undefined;
  for (const written of lines) {
    const { where, text } = written;
    if (text === "") continue;
    const line = readLine(text);
    if (typeof line === "string") return { how: "unreadable", where, problem: line };
    // Only a new start can come after what an ended process left behind.
    if (fragment !== undefined && line.what !== "start") break;
    if (fragment !== undefined) yield cut(fragment);
    fragment = line.what === "fragment" ? written : undefined;
    if (line.what === "fragment") continue;
    const misfit = player.misfit(line);
    if (misfit !== undefined) return { how: "unreadable", where, problem: misfit };
    yield* player.introduce(line);
    const problem = player.play(line);
    if (problem !== undefined) return { how: "different", where, problem };
    yield* player.told();
  }
  return yield* end(player, fragment);
}

function* end({ runs, steps }: Player, fragment: Written | undefined): Generator<string, Ending> {
  const isLast = fragment?.isWhole === false;
  if (fragment !== undefined && (!isLast || runs === 0)) {
    return { how: "unreadable", where: fragment.where, problem: "not a whole line" };
  }
  if (fragment !== undefined) yield cut(fragment);
  if (runs > 0) return { how: "verified", runs, steps };
  return { how: "unreadable", where: "the end", problem: "nothing is recorded" };
}

function cut({ where }: Written): string {
  return `# ${where} is cut: the process ended while it wrote that line`;
}

class Player {
  runs = 0;
  steps = 0;
  readonly #version: string;
  #recordedBy = "";
  /** Missing before a run, and after a step that threw. */
  #program: Program | undefined;
  #startedAt: Instant | undefined;
  #now: Now | undefined;
  #orders: readonly Order[] = [];

  constructor(version: string) {
    this.#version = version;
  }

  /** Why this line cannot come here. */
  misfit({ what }: Line): string | undefined {
    if (what !== "move" || this.#program !== undefined) return undefined;
    return "a step of a program that is not known: its start, or its state, comes first";
  }

  /** What was so before the program gave its orders. */
  *introduce(line: Line): Generator<string> {
    const { now } = line;
    if (line.what !== "move") {
      if (this.runs > 0) yield "";
      yield `# recorded by k8s-await-election ${line.version} at ${isoTime(now.wallMs)}`;
    }
    if (line.what === "start") {
      yield `facts ${JSON.stringify(line.facts)}`;
      yield "begin";
    } else if (line.what === "resumption") {
      yield "# goes on from the state in the file";
    } else {
      yield* this.#introduceMove(line);
    }
  }

  *#introduceMove({ report, now }: Move): Generator<string> {
    const startedAt = this.#startedAt ?? now.instant;
    const ms = Math.round(now.instant - startedAt);
    const isLater = this.#now === undefined || ms !== Math.round(this.#now.instant - startedAt);
    if (report.type === "tick") yield `@ ${ms} tick`;
    else {
      if (isLater) yield `@ ${ms}`;
      yield `> ${shown(report, startedAt)}`;
    }
  }

  /** Has the program take the line; says what differs. */
  play(line: Line): string | undefined {
    const { now } = line;
    this.#now = now;
    this.#orders = [];
    if (line.what === "resumption") return this.#resume(line.program, now, line.version);
    if (line.what === "start") {
      this.runs += 1;
      this.#recordedBy = line.version;
      this.#startedAt = now.instant;
      return this.#compare(line.outcome, () => begin(line.facts, now));
    }
    this.steps += 1;
    const before = this.#program;
    return before && this.#compare(line.outcome, () => step(before, line.report, now));
  }

  /** The orders of the line that was played. */
  *told(): Generator<string> {
    for (const order of this.#orders) yield `< ${this.#describe(order)}`;
  }

  #resume(program: Program, now: Now, version: string): string | undefined {
    const known = this.#program;
    this.#program = program;
    this.#recordedBy = version;
    if (known === undefined) {
      this.runs += 1;
      this.#startedAt = now.instant;
      return undefined;
    }
    const [recorded, computed] = [program, known].map(inOneForm);
    if (recorded === computed) return undefined;
    return this.#explained(`recorded the state ${recorded}\ncomputed the state ${computed}`);
  }

  #compare(recorded: Outcome, advance: () => ReturnType<typeof step>): string | undefined {
    const computed = this.#advance(advance);
    const [was, is] = [recorded, computed].map(worded);
    if (was === is) return undefined;
    const orders = this.#orders.map((order) => `\n< ${this.#describe(order)}`).join("");
    return this.#explained(`recorded ${was}\ncomputed ${is}${orders}`);
  }

  /** Goes on as far as the program goes on. */
  #advance(advance: () => ReturnType<typeof step>): Outcome {
    try {
      const [program, ...orders] = advance();
      this.#program = program;
      this.#orders = orders;
      return { orders: digestOf(orders) };
    } catch (error) {
      this.#program = undefined;
      return { error: String(error) };
    }
  }

  #explained(difference: string): string {
    const [recorded, own] = [this.#recordedBy, this.#version];
    return recorded === own
      ? difference
      : `${difference}\nIt was recorded by version ${recorded}, and this is ${own}.`;
  }

  #describe(order: Order): string {
    return describeOrder(order, this.#now?.instant ?? instantZero, this.#startedAt);
  }
}

const instantZero = instant(0);

/** What the program tripped over may have no form that can be described. */
function shown(report: Report, startedAt: Instant): string {
  try {
    return describeReport(report, startedAt);
  } catch {
    return JSON.stringify(report);
  }
}

function worded(outcome: Outcome): string {
  return "orders" in outcome ? `orders of digest ${outcome.orders}` : `thrown ${outcome.error}`;
}

/** A state means the same whatever the order of its members. */
function inOneForm(program: Program): string {
  return JSON.stringify(program, (_, value: unknown) => {
    const object = asObject(value);
    if (object === undefined) return value;
    return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
