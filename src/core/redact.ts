/**
 * Nothing secret enters the program, so nothing secret is in its log, its status or a recording.
 *
 * A host passes its facts and every report through here. What the program decides is the same with
 * and without: a Lease or what routes a Service stays as it is, byte for byte, because it is written back;
 * of every other answer only what the program looks at is kept, cut and without secrets. Every
 * pattern takes time linear in the text, which a stranger may have written.
 */
import { asObject, type JsonObject, parseJson } from "./json.ts";
import type { Facts, Report } from "./protocol.ts";

/** Of a text that only a human reads. */
const limitCharacters = 1000;

const mask = "<redacted>";

/** A secret so long is recognised by its first half, because others cut texts too. */
const longCharacters = 16;

/** What is shorter is no secret, and would be found in every text. */
const leastCharacters = 4;

/** The objects that an election reads and writes. They are no place for secrets. */
const ownKinds: ReadonlySet<unknown> = new Set(["Lease", "Endpoints", "EndpointSlice"]);

const value = `(?:"[^"]*"?|'[^']*'?|[^\\s"'&,;}]+)`;
const longValue = `(?:"[^"]*"?|'[^']*'?|[^\\s"'&,;}]{12,})`;
/** After a slash it is the name of a file. */
const certain = "(?<!/)(?:password|passwd|passphrase|key-data|private[-_]?key)";
/** Words of ordinary sentences too: "invalid token: expired". */
const likely = "(?<!/)(?:token|secret|api[-_]?key)";
const name = `(?:${certain}|${likely})`;

const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*-----)?/g, mask],
  [/(?<=:\/\/)[^\s/?#]*@/g, `${mask}@`],
  [/\b(bearer|basic)(?:\s+|%20)(?!token\b|auth)[\w.~+/=%-]+/gi, `$1 ${mask}`],
  [/\b((?:authorization|cookie)["']?\s*[:=]\s*["']?)[^\s"'][^"'\n,}]*/gi, `$1${mask}`],
  pair(`${name}\\s*=\\s*`, value),
  pair(`["'][\\w-]{0,40}${name}["']\\s*:\\s*`, value),
  pair(`${certain}\\s*:\\s*`, value),
  pair(`${likely}\\s*:\\s*`, longValue),
];

function pair(name: string, value: string): readonly [RegExp, string] {
  return [new RegExp(`(${name})${value}`, "gi"), `$1${mask}`];
}

/** The text without the secrets given, and without whatever looks like one. */
export function redact(text: string, secrets: readonly string[] = []): string {
  const unknown = secrets
    .filter(({ length }) => length >= leastCharacters)
    .reduce(withoutSecret, text)
    .replace(/[\w.-]+/g, withoutToken);
  return patterns.reduce((clean, [pattern, by]) => clean.replace(pattern, by), unknown);
}

/** What the program is told at its start. The variables are its settings, and stay as they are. */
export function redactFacts(facts: Facts): Facts {
  const { commandProblem, apiProblem } = facts;
  return {
    ...facts,
    ...(commandProblem && {
      commandProblem: { ...commandProblem, message: told(commandProblem.message, []) },
    }),
    ...(apiProblem !== undefined && { apiProblem: told(apiProblem, []) }),
  };
}

/** What the program is told later; `secrets` are the credentials in use. */
export function redactReport(report: Report, secrets: readonly string[]): Report {
  switch (report.type) {
    case "answered": {
      const isGood = 200 <= report.status && report.status < 300;
      const body = isGood ? found(report.body, secrets) : refusal(report.body, secrets);
      return { ...report, body };
    }
    case "line":
      return { ...report, text: event(report.text, secrets) };
    case "unanswered":
      return { ...report, error: told(report.error, secrets) };
    case "ended":
      return report.error === undefined
        ? report
        : { ...report, error: told(report.error, secrets) };
    case "probed":
      return { ...report, detail: told(report.detail, secrets) };
    case "guardLost":
    case "startFailed":
    case "listenFailed":
    case "becomeFailed":
      return { ...report, message: told(report.message, secrets) };
    case "asked":
      // Whoever asks may write there what they like, and nobody looks at it.
      return { ...report, path: told(report.path.split("?", 1)[0] ?? "", secrets) };
    default:
      return report;
  }
}

/** Redacted before it is cut, or half a secret would be left that nothing recognises. */
function told(text: string, secrets: readonly string[]): string {
  return redact(text, secrets).slice(0, limitCharacters);
}

/** What was found: another kind of object, such as a Secret, is told by its kind alone. */
function found(body: string, secrets: readonly string[]): string {
  const object = asObject(parseJson(body));
  if (object === undefined) return "";
  return ownKinds.has(object["kind"]) ? body : JSON.stringify(outline(object, secrets));
}

/** Why it was refused: a Status, or a page of something in between. */
function refusal(body: string, secrets: readonly string[]): string {
  const object = asObject(parseJson(body));
  return object === undefined || typeof object["message"] !== "string"
    ? told(body, secrets)
    : JSON.stringify(outline(object, secrets));
}

/** A watch event; bookmarks are Leases too. */
function event(text: string, secrets: readonly string[]): string {
  const { type, object: value } = asObject(parseJson(text)) ?? {};
  const object = asObject(value);
  if (ownKinds.has(object?.["kind"])) return text;
  return JSON.stringify({
    ...(typeof type === "string" && { type: told(type, secrets) }),
    ...(object && { object: outline(object, secrets) }),
  });
}

/** What the program may want to know of an object that is none of its own. */
function outline(object: JsonObject, secrets: readonly string[]): JsonObject {
  const texts = ["kind", "reason", "message"].flatMap((name) => {
    const text = object[name];
    return typeof text === "string" ? [[name, told(text, secrets)]] : [];
  });
  const { code, kind, metadata, spec } = object;
  const selector = kind === "Service" ? asObject(asObject(spec)?.["selector"]) : undefined;
  const allowed = asObject(object["status"])?.["allowed"];
  return {
    ...(Object.fromEntries(texts) as JsonObject),
    ...(typeof code === "number" && { code }),
    ...(asObject(metadata) && { metadata: {} }),
    ...(selector && { spec: { selector } }),
    ...(typeof allowed === "boolean" && { status: { allowed } }),
  };
}

/** Without every place where the secret stands, as it is or as in a URL. */
function withoutSecret(text: string, secret: string): string {
  const forms = [secret, secret.replace(/[\x20-\x7e]/g, encodeURIComponent)];
  return forms.reduce((clean, form) => masked(clean, needleOf(form), forms), text);
}

function needleOf(form: string): string {
  return form.length < longCharacters ? form : form.slice(0, form.length / 2);
}

/** From every place of the needle on as far as one of the forms goes. */
function masked(text: string, needle: string, forms: readonly string[]): string {
  let clean = "";
  let from = 0;
  for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, from)) {
    clean += text.slice(from, at) + mask;
    from = at + Math.max(needle.length, ...forms.map((form) => commonLength(text, at, form)));
  }
  return clean + text.slice(from);
}

function commonLength(text: string, at: number, form: string): number {
  let length = 0;
  while (length < form.length && text[at + length] === form[length]) length += 1;
  return length;
}

/** A word that contains what every JSON Web Token begins with, and a dot after it. */
function withoutToken(word: string): string {
  const at = word.search(/eyJ[\w-]{6}/);
  return at !== -1 && word.includes(".", at) ? `${word.slice(0, at)}<token>` : word;
}
