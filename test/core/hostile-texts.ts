/**
 * What an API server, or whoever stands in its place, may say instead of what it should: good objects
 * with one thing wrong, and texts that are wrong altogether.
 */

/** Picks one of so many. */
export type Pick = (choices: number) => number;

/** Chance from a seed, so that a life of any length can be told again (xorshift). */
export function pickBy(seed: number): Pick {
  let state = seed | 1;
  return (choices) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % choices;
  };
}

export function oneOf<T>(pick: Pick, things: readonly T[]): T {
  return things[pick(things.length)]!;
}

/** What no write of ours was ever told, and what it was; 400 and 422 end a program that claims. */
export const statuses: readonly number[] = [
  -1,
  0,
  100,
  103,
  199,
  202,
  204,
  206,
  299,
  301,
  302,
  304,
  307,
  399,
  401,
  403,
  404,
  405,
  409,
  410,
  413,
  415,
  418,
  428,
  429,
  431,
  451,
  500,
  501,
  502,
  503,
  504,
  511,
  599,
  999,
  2 ** 31,
];
/** What a Retry-After may ask for. */
export const patience: readonly (number | undefined)[] = [
  undefined,
  -1,
  0,
  1000,
  30_000,
  999_999_999_000,
  1e308,
];

/** Numbers that no clock and no counter of ours should ever meet; as JSON has them. */
const numbers = ["0", "-0", "-1", "1", "15", "15.5", "2147483647", "2147483648", "1e308", "-1e400"];

const times = [
  '"0000-01-01T00:00:00.000000Z"',
  '"9999-12-31T23:59:59.999999Z"',
  '"10000-01-01T00:00:00.000000Z"',
  '"2026-01-01T00:00:00Z"',
  '"2026-01-01T00:00:00.1Z"',
  '"NaN"',
  '"/"',
];

const versions = ['"0"', '"7"', '"007"', '"-1"', '"1.5"', '"abc"', '""', `"${"9".repeat(39)}"`];

/** Names that end lines, turn them around, or are half a character; and long ones. */
const names = [
  '"b"',
  '"a"',
  '"a "',
  '""',
  '"\\n\\u001b[2J\\u202e"',
  '"\\ud800"',
  '"\\u0000"',
  `"${"x".repeat(2000)}"`,
  `"${"\\u0001".repeat(500)}"`,
];

const kinds = ["null", "true", "[]", "{}", "[[]]", '"x"', '{"__proto__":{"kind":"Lease"}}'];

const strange = [...numbers, ...times, ...versions, ...names, ...kinds];

/** Texts that are no Lease, whatever else they are. */
const nothings = [
  "",
  " ",
  "null",
  "[]",
  "{}",
  '"',
  "<html>502</html>",
  "\u0000\u0001",
  "[[[",
  '{"kind":"Lease"}',
  '{"kind":"Lease","metadata":[]}',
  '{"kind":"LeaseList","items":[]}',
  '{"kind":"Status","status":"Success","metadata":{}}',
  '{"kind":"Status","message":"\\u001b[2J\\n\\u2028no"}',
  `{"kind":"Status","message":"${"x".repeat(3000)}"}`,
  '{"__proto__":{"kind":"Lease","metadata":{"uid":"u","resourceVersion":"9"}}}',
  "[".repeat(200),
  '{"a":'.repeat(200),
  `{"a":"${"\\u0000".repeat(300)}"}`,
];

/** A text of its own making, or the given object with something wrong with it. */
export function spoilt(text: string, pick: Pick): string {
  const ways: readonly (() => string)[] = [
    () => oneOf(pick, nothings),
    () => text.slice(0, pick(text.length + 1)),
    () => text.slice(pick(text.length + 1)),
    () => replaced(text, pick),
    () => replaced(text, pick),
    () => replaced(replaced(text, pick), pick),
    () => withVersion(text, oneOf(pick, versions)),
    () => withHolder(text, oneOf(pick, names)),
    () => text.replace(/"uid":"[^"]*"/, () => `"uid":${oneOf(pick, names)}`),
    () => text.replace("{", `{"metadata":${oneOf(pick, kinds)},`),
    () => text.replace(/\}$/, () => `,"spec":${oneOf(pick, kinds)}}`),
    () => text.replace('"spec":{', '"spec":{"strategy":"x","preferredHolder":"c",'),
  ];
  return oneOf(pick, ways)();
}

/** One member of the text with another value. */
function replaced(text: string, pick: Pick): string {
  const members = [...text.matchAll(/"[\w./-]+":("(?:[^"\\]|\\.)*"|-?\d+)/g)];
  if (members.length === 0) return text;
  const { 0: member, 1: value = "", index } = oneOf(pick, members);
  const at = index + member.length - value.length;
  return text.slice(0, at) + oneOf(pick, strange) + text.slice(at + value.length);
}

function withVersion(text: string, version: string): string {
  return text.replace(/"resourceVersion":"[^"]*"/, () => `"resourceVersion":${version}`);
}

function withHolder(text: string, name: string): string {
  return text.replace(/"holderIdentity":"[^"]*"/, () => `"holderIdentity":${name}`);
}
