/**
 * Which permission is missing: asked of the API server by SelfSubjectAccessReviews, one at a time.
 *
 * Nothing waits for it. Unless it is strict it asks nothing before something was forbidden, so that a
 * start costs no request more; what is missing is told with the rule that grants it.
 */
import { asObject, parseJson, refusal } from "./json.ts";
import { type Effect, note } from "./notes.ts";
import { type Instant, later, type Now, type Report } from "./protocol.ts";

/** One verb on one resource, as RBAC names them. */
export interface Right {
  /** Empty for the core group. */
  readonly group: string;
  /** With a subresource after a slash, such as `pods/status`. */
  readonly resource: string;
  readonly verb: "get" | "watch" | "create" | "update" | "patch";
  readonly namespace: string;
  /** Missing where a Role cannot name the object: nobody knows its name when a creation is judged. */
  readonly name?: string;
  /** Without it: the program cannot do what it is for, or something less, or as well another way. */
  readonly lack: "error" | "warn" | "info";
}

export interface Preflight {
  /** Ends the program where a permission is missing that it needs. */
  readonly isStrict: boolean;
  /** How many questions there were: the next id. */
  readonly count: number;
  readonly round?: Round;
  /** What was forbidden before is no news. */
  readonly idleUntil: Instant;
  readonly verdict?: Verdict;
}

/** The permissions that are being asked about. */
interface Round {
  readonly rights: readonly Right[];
  /** The first ones: what was answered of each. */
  readonly answers: readonly boolean[];
  readonly asking: Asking;
  /** Questions in a row that were not answered. */
  readonly failures: number;
}

type Asking = { readonly id: string } | { readonly dueAt: Instant };

interface Verdict {
  readonly atMs: number;
  readonly missing: readonly Right[];
}

type Effects = readonly [Preflight, ...Effect[]];

const requestMs = 3000;
/** What is forbidden makes a new round as often as this: an operator may be at work on the Role. */
const pauseMs = 60_000;
const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/** `rights` are what the program may need as it is now. */
export function begin(isStrict: boolean, rights: () => readonly Right[], now: Now): Effects {
  const preflight = { isStrict, count: 0, idleUntil: now.instant };
  return isStrict ? ask(preflight, newRound(rights(), now), now) : [preflight];
}

/** Takes any report. */
export function step(
  preflight: Preflight,
  report: Report,
  rights: () => readonly Right[],
  now: Now,
): Effects {
  const { round, idleUntil } = preflight;
  if (round !== undefined) {
    if ("dueAt" in round.asking) return ask(preflight, round, now);
    const isEnd = report.type === "answered" || report.type === "unanswered";
    return isEnd && report.id === round.asking.id
      ? answered(preflight, round, report, now)
      : [preflight];
  }
  const isForbidden = report.type === "answered" && report.status === 403;
  if (!isForbidden || now.instant < idleUntil) return [preflight];
  const begun = { ...preflight, idleUntil: later(now.instant, pauseMs) };
  return ask(begun, newRound(rights(), now), now);
}

export function wakeAt({ round }: Preflight): Instant | undefined {
  return round !== undefined && "dueAt" in round.asking ? round.asking.dueAt : undefined;
}

/** Strict, and something is missing without which the program cannot do what it is for. */
export function isHopeless({ isStrict, verdict }: Preflight): boolean {
  return isStrict && verdict?.missing.some(({ lack }) => lack === "error") === true;
}

function newRound(rights: readonly Right[], now: Now): Round {
  return { rights, answers: [], asking: { dueAt: now.instant }, failures: 0 };
}

function ask(preflight: Preflight, round: Round, now: Now): Effects {
  const right = round.rights[round.answers.length];
  if (right === undefined) return judge(preflight, round, now);
  if ("dueAt" in round.asking && now.instant < round.asking.dueAt) return [preflight];
  const count = preflight.count + 1;
  const id = `can-${count}`;
  const { lack: _, resource: place, ...rest } = right;
  const [resource, subresource] = place.split("/");
  const resourceAttributes = { ...rest, resource, ...(subresource && { subresource }) };
  const body = JSON.stringify({
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes },
  });
  return [
    { ...preflight, count, round: { ...round, asking: { id } } },
    { type: "request", id, method: "POST", path, body, timeoutMs: requestMs },
  ];
}

function answered(
  preflight: Preflight,
  round: Round,
  report: Extract<Report, { type: "answered" | "unanswered" }>,
  now: Now,
): Effects {
  const allowed = report.type === "answered" ? allowedIn(report) : undefined;
  const asking = { dueAt: now.instant };
  if (allowed !== undefined) {
    const answers = [...round.answers, allowed];
    return ask(preflight, { ...round, answers, asking, failures: 0 }, now);
  }
  const isRefused = report.type === "answered" && [403, 404].includes(report.status);
  if (isRefused) {
    const { round: _, ...idle } = preflight;
    const problem = refusal(report.status, report.body);
    return [idle, note("debug", "which permissions are missing cannot be asked", { problem })];
  }
  const failures = round.failures + 1;
  const dueAt = later(now.instant, Math.min(60_000, 1000 * 2 ** failures));
  return [{ ...preflight, round: { ...round, asking: { dueAt }, failures } }];
}

function allowedIn({ status, body }: { status: number; body: string }): boolean | undefined {
  if (status !== 200 && status !== 201) return undefined;
  const allowed = asObject(asObject(parseJson(body))?.["status"])?.["allowed"];
  return typeof allowed === "boolean" ? allowed : undefined;
}

/** Tells what is missing, unless just that was told before. */
function judge(preflight: Preflight, { rights, answers }: Round, now: Now): Effects {
  const missing = rights.filter((_, index) => answers[index] === false);
  const { round: _, verdict: last, ...rest } = preflight;
  const judged = { ...rest, verdict: { atMs: now.wallMs, missing } };
  if (JSON.stringify(last?.missing ?? []) === JSON.stringify(missing)) return [judged];
  if (missing.length === 0) return [judged, note("info", "no permission is missing any more")];
  return [judged, ...rulesFor(missing).map(complaint)];
}

/** Those that one rule grants together. */
function rulesFor(missing: readonly Right[]): readonly (readonly [Right, ...Right[]])[] {
  const rules = new Map<string, [Right, ...Right[]]>();
  for (const right of missing) {
    const { group, resource, namespace, name } = right;
    const key = JSON.stringify([group, resource, namespace, name]);
    const known = rules.get(key);
    if (known === undefined) rules.set(key, [right]);
    else known.push(right);
  }
  return [...rules.values()];
}

function complaint(rights: readonly [Right, ...Right[]]): Effect {
  const [{ resource, namespace }] = rights;
  const lacks = rights.map(({ lack }) => lack);
  const level = lacks.includes("error") ? "error" : lacks.includes("warn") ? "warn" : "info";
  const verbs = rights.map(({ verb }) => verb).join(", ");
  return note(level, `missing permission to ${verbs} ${resource}: add the rule to the Role`, {
    namespace,
    rule: ruleOf(rights),
  });
}

/** The rule of a Role that grants all of these, which differ by verb alone; no text in it needs quotes. */
function ruleOf(rights: readonly [Right, ...Right[]]): string {
  const [{ group, resource, name }] = rights;
  const names = name === undefined ? "" : `resourceNames: ['${name}'], `;
  const verbs = rights.map(({ verb }) => verb).join(", ");
  return `- {apiGroups: ['${group}'], resources: ['${resource}'], ${names}verbs: [${verbs}]}`;
}
