/**
 * Times as the Go programs of Kubernetes read and write them.
 *
 * A MicroTime is read by one layout with exactly six digits of fraction; many a client in another
 * language sends three or none and is refused for ever (kubernetes/kubernetes#89156). Go's parser
 * has leniencies of its own (an hour of one digit, a comma before the fraction, an offset of
 * 24:60), and they are kept here because a real server has them.
 */

export type ParsedTime =
  | { readonly seconds: number; readonly micros: number }
  | { readonly misfit: string };

interface Layout {
  readonly text: string;
  readonly parts: readonly Part[];
}

type Part = readonly [layout: string, pattern: RegExp, range?: Range];
type Range = readonly [name: string, least: number, most: number];

const dateAndTime: readonly Part[] = [
  ["2006", /^\d{4}/],
  ["-", /^-/],
  ["01", /^\d\d/, ["month", 1, 12]],
  ["-", /^-/],
  ["02", /^\d\d/],
  ["T", /^T/],
  ["15", /^\d\d?/, ["hour", 0, 23]],
  [":", /^:/],
  ["04", /^\d\d/, ["minute", 0, 59]],
  [":", /^:/],
  ["05", /^\d\d/, ["second", 0, 59]],
];
const zone: Part = ["Z07:00", /^(?:Z|[+-]\d\d:\d\d)/];

const microLayout: Layout = {
  text: "2006-01-02T15:04:05.000000Z07:00",
  parts: [...dateAndTime, [".000000", /^[.,]\d{6}/], zone],
};
const secondLayout: Layout = {
  text: "2006-01-02T15:04:05Z07:00",
  parts: [...dateAndTime, ["fraction", /^(?:[.,]\d+)?/], zone],
};

/** 0001-01-01T00:00:00Z, Go's zero time, which Kubernetes writes as `null`. */
const goZeroSeconds = -62_135_596_800;

/**
 * Times that are written as they were read: the form that nearly every client sends, and that needs
 * no look at the calendar.
 */
const plainTime =
  /^[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{6})?Z$/;

/** What a server makes of the text of a time; `null` for Go's zero time. */
export function rewritten(
  type: "time" | "microTime",
  text: string,
): { readonly text: string | null } | { readonly misfit: string } {
  const plain = plainTime.exec(text);
  if (plain !== null && (plain[1] !== undefined) === (type === "microTime")) return { text };
  const time = type === "time" ? parseTime(text) : parseMicroTime(text);
  if ("misfit" in time) return time;
  const { seconds, micros } = time;
  return { text: type === "time" ? timeText(seconds) : microTimeText(seconds, micros) };
}

function parseMicroTime(text: string): ParsedTime {
  return parse(text, microLayout);
}

/** Reads a `metav1.Time`: RFC 3339 with any fraction. */
function parseTime(text: string): ParsedTime {
  return parse(text, secondLayout);
}

/** Always in UTC and with six digits, whatever zone was read. */
function microTimeText(seconds: number, micros: number): string | null {
  if (seconds === goZeroSeconds && micros === 0) return null;
  return `${utcText(seconds)}.${String(micros).padStart(6, "0")}Z`;
}

export function timeText(seconds: number): string | null {
  return seconds === goZeroSeconds ? null : `${utcText(seconds)}Z`;
}

function parse(text: string, layout: Layout): ParsedTime {
  const found = new Map<string, string>();
  let rest = text;
  for (const [part, pattern, range] of layout.parts) {
    const match = pattern.exec(rest)?.[0];
    if (match === undefined) {
      const where = `cannot parse ${JSON.stringify(rest)} as "${part}"`;
      return { misfit: `parsing time ${JSON.stringify(text)} as "${layout.text}": ${where}` };
    }
    if (range !== undefined && !(range[1] <= Number(match) && Number(match) <= range[2])) {
      return misfit(text, `${range[0]} out of range`);
    }
    found.set(part, match);
    rest = rest.slice(match.length);
  }
  if (rest !== "") return misfit(text, `extra text: ${JSON.stringify(rest)}`);
  const time = assemble(found);
  return typeof time === "string" ? misfit(text, time) : time;
}

function misfit(text: string, why: string): ParsedTime {
  return { misfit: `parsing time ${JSON.stringify(text)}: ${why}` };
}

function assemble(found: ReadonlyMap<string, string>): ParsedTime | string {
  const numberOf = (part: string) => Number(found.get(part));
  const day = numberOf("02");
  const date = new Date(0);
  // setUTCFullYear, because Date.UTC takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(numberOf("2006"), numberOf("01") - 1, day);
  if (date.getUTCDate() !== day) return "day out of range";
  date.setUTCHours(numberOf("15"), numberOf("04"), numberOf("05"));

  const offset = found.get("Z07:00") ?? "Z";
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(4, 6));
  if (hours > 24) return "time zone offset hour out of range";
  if (minutes > 60) return "time zone offset minute out of range";
  const east = (offset.startsWith("-") ? -1 : 1) * (hours * 3600 + minutes * 60);
  const micros = Number(found.get(".000000")?.slice(1) ?? 0);
  return { seconds: date.getTime() / 1000 - east, micros };
}

function utcText(seconds: number): string {
  const text = new Date(seconds * 1000).toISOString().slice(0, -".000Z".length);
  // JavaScript writes years above 9999 as +010000; Go writes plain digits.
  return text.startsWith("+") ? text.replace(/^\+0*/, "") : text;
}
