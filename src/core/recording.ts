/**
 * A recording: what the program saw, and a digest of what it ordered, as lines of JSON that any host
 * can write and `replay.ts` can play again.
 *
 *     {"recording":1,"version":"…","facts":{…},"instant":0,"wallMs":0,"orders":"…"}     a start
 *     {"recording":1,"version":"…","program":{…},"instant":0,"wallMs":0}        where a file goes on
 *     {"report":{…},"instant":0,"wallMs":0,"orders":"…"}                                a step
 *
 * `orders` is the digest of the orders that were returned; a step that threw has `error` in its place.
 * A file that is full is followed by one that holds the program's whole state, so that each of them
 * can be played alone.
 */
import { asObject } from "./json.ts";
import { type Note, note } from "./notes.ts";
import { begin, type Program, step } from "./program.ts";
import { type Facts, instant, type Now, type Order, type Report } from "./protocol.ts";

/** What a host calls in a loop. */
export interface Steps {
  readonly begin: typeof begin;
  readonly step: typeof step;
}

/** Where lines go; nothing of it may throw or block. */
export interface Tape {
  append(line: string): void;
  isFull(): boolean;
  /** Begins anew with this line. */
  turn(line: string): void;
}

export type Line = Start | Resumption | Move;

interface Start {
  readonly what: "start";
  readonly version: string;
  readonly facts: Facts;
  readonly now: Now;
  readonly outcome: Outcome;
}

interface Resumption {
  readonly what: "resumption";
  readonly version: string;
  readonly program: Program;
  readonly now: Now;
}

interface Move {
  readonly what: "move";
  readonly report: Report;
  readonly now: Now;
  readonly outcome: Outcome;
}

/** The beginning of a line: whoever wrote it ended meanwhile. */
interface Fragment {
  readonly what: "fragment";
}

/** A digest of the orders, or what was thrown in their place. */
export type Outcome = { readonly orders: string } | { readonly error: string };

const format = 1;

/** The program, with everything that it sees written to a tape. */
export function record(version: string, tape: Tape): Steps {
  return {
    begin(facts, now) {
      return teed(
        () => begin(facts, now),
        (outcome) => tape.append(startLine(version, facts, now, outcome)),
      );
    },
    step(before, report, now) {
      const after = teed(
        () => step(before, report, now),
        (outcome) => tape.append(stepLine(report, now, outcome)),
      );
      if (tape.isFull()) tape.turn(resumptionLine(version, after[0], now));
      return after;
    },
  };
}

/** What an operator is told, once, where a recording cannot go on. */
export function ended(file: string, problem: string): Note {
  return note("warn", "recording is off", { file, problem });
}

export function startLine(version: string, facts: Facts, now: Now, outcome: Outcome): string {
  return JSON.stringify({ recording: format, version, facts, ...now, ...outcome });
}

export function resumptionLine(version: string, program: Program, now: Now): string {
  return JSON.stringify({ recording: format, version, program, ...now });
}

export function stepLine(report: Report, now: Now, outcome: Outcome): string {
  return JSON.stringify({ report, ...now, ...outcome });
}

/** Reads a line; a string says why it is none. What is inside of facts, state and report is ours. */
export function readLine(text: string): Line | Fragment | string {
  const value = parsed(text);
  if (value === undefined && text.startsWith('{"')) return { what: "fragment" };
  const line = asObject(value);
  if (line === undefined) return "not a JSON object";
  const { recording, version, facts, program, report, instant: at, wallMs, orders, error } = line;
  if (recording !== undefined && recording !== format) {
    return `a recording of format ${JSON.stringify(recording)}, and this program reads ${format}`;
  }
  if (typeof at !== "number" || typeof wallMs !== "number") return "a line without its time";
  const now: Now = { instant: instant(at), wallMs };
  const isHead = recording !== undefined && typeof version === "string";
  if (isHead && isNamed(program, "name")) {
    return { what: "resumption", version, program: program as Program, now };
  }
  const outcome = outcomeOf(orders, error);
  if (outcome === undefined) return "a line without its outcome";
  if (isHead && isNamed(facts, "incarnation")) {
    return { what: "start", version, facts: facts as Facts, now, outcome };
  }
  if (!isHead && isNamed(report, "type")) {
    return { what: "move", report: report as Report, now, outcome };
  }
  return "neither a start, nor a state, nor a step";
}

/** FNV-1a of 64 bits over the UTF-8 bytes of the orders' JSON, in hexadecimal digits. */
export function digestOf(orders: readonly Order[]): string {
  return fnv1a(JSON.stringify(orders));
}

/** Exported for the known values of others. The text must be well-formed, as all JSON is. */
export function fnv1a(text: string): string {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  function take(byte: number): void {
    low = (low ^ byte) >>> 0;
    // The prime is 2⁴⁰ + 0x1b3: no sum here reaches 2⁵³.
    const product = low * 0x1b3;
    high = (high * 0x1b3 + Math.floor(product / 2 ** 32) + low * 0x100) >>> 0;
    low = product >>> 0;
  }
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) take(point);
    else for (const byte of encoded(point)) take(byte);
  }
  return [high, low].map((half) => half.toString(16).padStart(8, "0")).join("");
}

/** UTF-8, beyond ASCII. */
function encoded(point: number): readonly number[] {
  const tail = (shift: number) => 0x80 | ((point >> shift) & 0x3f);
  if (point < 0x800) return [0xc0 | (point >> 6), tail(0)];
  if (point < 0x10000) return [0xe0 | (point >> 12), tail(6), tail(0)];
  return [0xf0 | (point >> 18), tail(12), tail(6), tail(0)];
}

type Step = ReturnType<typeof step>;

/** What is thrown is recorded too: it is the step that somebody will want to see again. */
function teed(advance: () => Step, write: (outcome: Outcome) => void): Step {
  let after: Step;
  try {
    after = advance();
  } catch (error) {
    write({ error: String(error) });
    throw error;
  }
  const [, ...orders] = after;
  write({ orders: digestOf(orders) });
  return after;
}

/** Not bounded in depth as what comes from outside is: a state holds such an object deep within. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function outcomeOf(orders: unknown, error: unknown): Outcome | undefined {
  if (typeof orders === "string" && /^[\da-f]{16}$/.test(orders)) return { orders };
  return typeof error === "string" ? { error } : undefined;
}

/** The least that tells one kind of line from another. */
function isNamed(value: unknown, member: string): boolean {
  return typeof asObject(value)?.[member] === "string";
}
