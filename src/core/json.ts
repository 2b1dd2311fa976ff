/** JSON that came from outside: it may be anything. */

export interface JsonObject {
  readonly [member: string]: unknown;
}

/** Undefined if the text is no JSON. */
export function parseJson(text: string): unknown {
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
  return typeof message === "string" ? `${status}: ${message.slice(0, 300)}` : `${status}`;
}
