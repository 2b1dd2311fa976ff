/** The format of a recording, and that playing it again gives the same orders to the last one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { begin } from "../../src/core/program.ts";
import { type Facts, instant, type Now, type Order } from "../../src/core/protocol.ts";
import {
  digestOf,
  fnv1a,
  type Outcome,
  readLine,
  record,
  resumptionLine,
  startLine,
  stepLine,
  type Tape,
} from "../../src/core/recording.ts";
import { type Ending, replay, type Written } from "../../src/core/replay.ts";
import { facts } from "./lives.ts";
import { Puppet } from "./puppet.ts";

const version = "1.2.3";
const now: Now = { instant: instant(1234.5678), wallMs: Date.UTC(2026, 0, 1) };
const outcome: Outcome = { orders: "0123456789abcdef" };
const numbers = fc.array(fc.nat(), { minLength: 20, maxLength: 150 });

test("fnv1a() gives the known values", () => {
  assert.equal(fnv1a(""), "cbf29ce484222325");
  assert.equal(fnv1a("a"), "af63dc4c8601ec8c");
  assert.equal(fnv1a("foobar"), "85944171f73967e8");
});

test("fnv1a() is over the bytes of UTF-8", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      let hash = 0xcbf29ce484222325n;
      for (const byte of Buffer.from(text)) {
        hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
      }
      assert.equal(fnv1a(text), hash.toString(16).padStart(16, "0"));
    }),
  );
});

test("digestOf() tells orders apart that differ in a member or in their order", () => {
  const kill: Order = { type: "kill" };
  const exits = [0, 1].map((code): Order => ({ type: "exit", code }));
  const all = [[], [kill], [kill, ...exits], [...exits, kill], exits, [exits[0]!], [exits[1]!]];
  assert.equal(new Set(all.map(digestOf)).size, all.length);
  assert.match(digestOf([]), /^[0-9a-f]{16}$/);
});

test("readLine() reads what was written", () => {
  const some = anyFacts();
  const [program] = begin(some, now);
  const report = { type: "unanswered", id: "lease-1", error: 'no "answer"\n\u2028' } as const;
  const error = { error: "InvariantError: no" };
  assert.deepEqual(readLine(startLine(version, some, now, outcome)), {
    what: "start",
    version,
    facts: some,
    now,
    outcome,
  });
  assert.deepEqual(readLine(stepLine(report, now, outcome)), {
    what: "move",
    report,
    now,
    outcome,
  });
  assert.deepEqual(readLine(stepLine(report, now, error)), {
    what: "move",
    report,
    now,
    outcome: error,
  });
  const resumed = readLine(resumptionLine(version, program, now));
  assert.ok(typeof resumed !== "string" && resumed.what === "resumption");
  assert.deepEqual(resumed.program, JSON.parse(JSON.stringify(program)));
});

test("readLine() says why a line is none", () => {
  const digest = '"orders":"0123456789abcdef"';
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /not a JSON object/],
    ["hello", /not a JSON object/],
    ["[1]", /not a JSON object/],
    ['{"recording":2}', /format 2, and this program reads 1/],
    ['{"report":{"type":"tick"}}', /without its time/],
    ['{"report":{"type":"tick"},"instant":1,"wallMs":1}', /without its outcome/],
    ['{"report":{"type":"tick"},"instant":1,"wallMs":1,"orders":"x"}', /without its outcome/],
    [`{"report":{},"instant":1,"wallMs":1,${digest}}`, /neither a start, nor a state, nor a step/],
    [`{"recording":1,"version":"1","instant":1,"wallMs":1,${digest}}`, /neither/],
  ];
  for (const [text, problem] of cases) {
    const read = readLine(text);
    assert.ok(typeof read === "string", text);
    assert.match(read, problem);
  }
  assert.deepEqual(readLine('{"report":{"type":"ti'), { what: "fragment" });
});

test("record() writes begin and every step, and turns to a new file with the state", () => {
  const tape = new Lines(2);
  const steps = record(version, tape);
  const some = anyFacts();
  const [begun, ...first] = steps.begin(some, now);
  const [stepped, ...second] = steps.step(begun, { type: "tick" }, now);
  assert.deepEqual([begun, ...first], begin(some, now));
  assert.deepEqual(tape.files, [
    [
      startLine(version, some, now, { orders: digestOf(first) }),
      stepLine({ type: "tick" }, now, { orders: digestOf(second) }),
    ],
    [resumptionLine(version, stepped, now)],
  ]);
});

test("record() writes the step that throws, and replay() throws it again", () => {
  const tape = new Lines();
  const steps = record(version, tape);
  const some = anyFacts();
  const [begun] = steps.begin(some, now);
  // No host may report such a thing, and so the program trips over it.
  const broken = { type: "answered", id: "lease-1", status: 200 } as never;
  assert.throws(() => steps.step(begun, broken, now), TypeError);
  const [lines = []] = tape.files;
  assert.match(lines[1]!, /"error":"TypeError: /);
  assert.equal(play(lines).ending.how, "verified");
  const healed = lines[1]!.replace(/"error":".*"/, '"orders":"0123456789abcdef"');
  assert.match(problemOf(play([lines[0]!, healed])), /computed thrown TypeError/);
});

test("replay() verifies any life to its last order, whole and from any state on", () => {
  let orders = 0;
  fc.assert(
    fc.property(facts, numbers, fc.nat(30), (some, choices, turnAt) => {
      const life = live(some, choices, turnAt);
      const { ending, told } = play([...life.first, ...life.second]);
      assert.deepEqual(ending, { how: "verified", runs: 1, steps: life.steps });
      assert.equal(told.filter((line) => line.startsWith("< ")).length, life.orders);
      orders += life.orders;
      if (life.second.length > 0) assert.equal(play(life.second).ending.how, "verified");
    }),
    { numRuns: 150 },
  );
  assert.ok(orders > 1000);
});

test("replay() finds any digest and any state that differs, and says where", () => {
  fc.assert(
    fc.property(facts, numbers, fc.nat(30), fc.nat(), (some, choices, turnAt, at) => {
      const { first, second } = live(some, choices, turnAt);
      const all = [...first, ...second];
      const index = at % all.length;
      const line = all[index]!;
      const other = line.includes('"program":')
        ? line.replace('"exchanges":', '"exchanges":9')
        : line.replace(/"orders":"./, (text) => text.slice(0, -1) + (text.endsWith("0") ? 1 : 0));
      if (other === line) return;
      const { ending } = play(all.with(index, other));
      assert.ok(ending.how === "different", JSON.stringify(ending));
      assert.equal(ending.where, `line ${index + 1}`);
    }),
  );
});

test("replay() says what was recorded, what was computed, and by whom", () => {
  const { first } = live(anyFacts(), [1, 2, 3, 4, 5], 99);
  const tampered = first.with(
    0,
    first[0]!.replace(/"orders":"\w+"/, '"orders":"00000000deadbeef"'),
  );
  const problem = problemOf(play(tampered, "9.9.9"));
  assert.match(problem, /^recorded orders of digest 00000000deadbeef\ncomputed orders of digest /);
  assert.match(problem, /\n< print INFO  waiting to lead|\n< \{?/);
  assert.match(problem, /It was recorded by version 1\.2\.3, and this is 9\.9\.9\.$/);
});

test("replay() tolerates the line that an ended process has cut, and says so", () => {
  const { first } = live(anyFacts(), [1, 2, 3, 4, 5, 6, 7, 8], 99);
  const last = first.at(-1)!.slice(0, -9);
  const cut = play([...first.slice(0, -1), last], version, false);
  assert.equal(cut.ending.how, "verified");
  assert.equal(
    cut.told.at(-1),
    `# line ${first.length} is cut: the process ended while it wrote that line`,
  );
  const again = play([...first.slice(0, -1), last, ...first]);
  assert.ok(again.ending.how === "verified" && again.ending.runs === 2);
  assert.ok(
    again.told.includes(
      `# line ${first.length} is cut: the process ended while it wrote that line`,
    ),
  );
  const whole = play([...first.slice(0, -1), last]);
  assert.deepEqual(whole.ending, {
    how: "unreadable",
    where: `line ${first.length}`,
    problem: "not a whole line",
  });
  assert.equal(play([last], version, false).ending.how, "unreadable");
});

test("replay() refuses what is no recording", () => {
  const { first, second } = live(anyFacts(), [1, 2, 3, 4, 5, 6, 7, 8], 2);
  assert.match(problemOf(play([])), /nothing is recorded/);
  assert.match(problemOf(play(["hello"])), /not a JSON object/);
  assert.match(problemOf(play(first.slice(1))), /its start, or its state, comes first/);
  assert.match(problemOf(play([first[0]!, "hello", ...first.slice(1)])), /not a JSON object/);
  const cut = first[0]!.slice(0, -1);
  assert.equal(play([first[0]!, cut, ...first.slice(1)]).ending.how, "unreadable");
  assert.equal(play([first[0]!, cut, ...second]).ending.how, "unreadable");
});

class Lines implements Tape {
  readonly files: string[][] = [[]];
  readonly #full: number;

  constructor(full: number = Number.POSITIVE_INFINITY) {
    this.#full = full;
  }

  append(line: string): void {
    this.files.at(-1)!.push(line);
  }

  isFull(): boolean {
    return this.files.at(-1)!.length >= this.#full;
  }

  turn(line: string): void {
    this.files.push([line]);
  }
}

function anyFacts(): Facts {
  return JSON.parse(JSON.stringify(fc.sample(facts, 1)[0])) as Facts;
}

interface Life {
  readonly first: readonly string[];
  /** From a state on, where the life was long enough. */
  readonly second: readonly string[];
  readonly steps: number;
  readonly orders: number;
}

/** Any life, recorded into two files. */
function live(some: Facts, choices: readonly number[], turnAt: number): Life {
  const puppet = new Puppet(some);
  const begun = { instant: instant(0), wallMs: Date.UTC(2026, 0, 1) };
  const first = [startLine(version, some, begun, { orders: digestOf(puppet.orders) })];
  const second: string[] = [];
  let [orders, steps, used] = [puppet.orders.length, 0, 0];
  const pick = (most: number): number => (choices[used++] ?? 0) % most;
  while (used < choices.length && puppet.program.name !== "finished") {
    const { report, now } = puppet.move(pick);
    const line = stepLine(report, now, { orders: digestOf(puppet.orders) });
    (second.length > 0 ? second : first).push(line);
    orders += puppet.orders.length;
    steps += 1;
    if (steps === turnAt) second.push(resumptionLine(version, puppet.program, now));
  }
  return { first, second, steps, orders };
}

/** `isWhole` says whether the last line has its end. */
function play(
  lines: readonly string[],
  by: string = version,
  isWhole: boolean = true,
): { readonly ending: Ending; readonly told: readonly string[] } {
  const written = lines.map((text, index): Written => {
    return { where: `line ${index + 1}`, text, isWhole: isWhole || index < lines.length - 1 };
  });
  const told: string[] = [];
  const transcript = replay(written, by);
  for (;;) {
    const { done, value } = transcript.next();
    if (done) return { ending: value, told };
    told.push(value);
  }
}

function problemOf({ ending }: { readonly ending: Ending }): string {
  return ending.how === "verified" ? "none" : ending.problem;
}
