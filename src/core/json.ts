/** JSON that came from outside, which may be anything, and the forms of times and texts that go out. */

export interface JsonObject {
  readonly [member: string]: unknown;
}

/** No object of Kubernetes is nested so deep; what is would exhaust the stack of some engine. */
const deepest = 100;

/** Undefined if the text is no JSON, or nested without reason. */
export function parseJson(text: string): unknown {
  if (isTooDeep(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

/** What the API server said, in one line: the message of its Status, cut. */
export function refusal(status: number, body: string): string {
  const message = asObject(parseJson(body))?.["message"];
  const said = typeof message === "string" ? `${status}: ${message.slice(0, 300)}` : `${status}`;
  return status === 401 ? `${said}: the API server does not accept our token` : said;
}

/** Whether resourceVersion `a` is newer than `b` (KEP-5504): digits of any length. */
export function isNewer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : BigInt(a) > BigInt(b);
}

/** What stays the same of a problem when ports, times and names in its words change. */
export function kindOf(problem: string): string {
  return problem.split(": ", 1)[0] ?? "";
}

/** Wall time as ISO 8601 with milliseconds; it begins again after the years of four digits. */
export function isoTime(wallMs: number): string {
  const years = Date.UTC(10_000, 0);
  return new Date(
    wallMs > 0 && wallMs < Number.MAX_VALUE ? Math.floor(wallMs) % years : 0,
  ).toISOString();
}

/** Wall time as MicroTime parses it: exactly six digits, UTC, within the years it can read. */
export function formatMicroTime(wallMs: number): string {
  return `${isoTime(wallMs).slice(0, -1)}000Z`;
}

/** At most so many characters, and a mark; never within a character of two halves. */
export function cut(text: string, longest: number): string {
  if (text.length <= longest) return text;
  return `${text.slice(0, longest).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** Counts brackets outside of strings; the text may be no JSON at all. */
function isTooDeep(text: string): boolean {
  if (!hasManyOpenings(text)) return false;
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\[^])*(?:"|\\?$)|[[{\]}]/g)) {
    if (token === "[" || token === "{") depth += 1;
    else if (token === "]" || token === "}") depth -= 1;
    if (depth > deepest) return true;
  }
  return false;
}

/** Few openings, wherever they stand, cannot nest deep: that is so of nearly every text. */
function hasManyOpenings(text: string): boolean {
  return count(text, "{") + count(text, "[") > deepest;
}

function count(text: string, part: string): number {
  let found = 0;
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) found += 1;
  return found;
}
