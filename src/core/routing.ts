/**
 * The Service's Endpoints: they name the leader's pod while it leads, and nobody after.
 *
 * Every write is a compare-and-swap on the object as it was read, so it never overwrites what is
 * newer (S11); the annotation with the term's mark tells ours from another's. A write that fails or is
 * slow delays neither the command by more than 5 s nor the release by more than 2 s.
 */
import { asObject, type JsonObject, kindOf, parseJson, refusal } from "./json.ts";
import { type Effect, note } from "./notes.ts";
import { type Instant, later, type Method, type Now, type Report } from "./protocol.ts";
import type { Service } from "./settings.ts";

export interface Routing {
  readonly service: Service;
  /** How many exchanges there were: the next id. */
  readonly exchanges: number;
  readonly phase: Idle | Publishing | Published | Withdrawing;
}

interface Idle {
  readonly name: "idle";
}

interface Publishing {
  readonly name: "publishing";
  readonly mark: string;
  /** From here the command starts without. */
  readonly giveUpAt: Instant;
  readonly isLate: boolean;
  readonly asking: Asking;
  /** The kind of the last problem that was told, so that it is told once. */
  readonly trouble?: string;
}

interface Published {
  readonly name: "published";
  readonly mark: string;
}

interface Withdrawing {
  readonly name: "withdrawing";
  readonly mark: string;
  readonly giveUpAt: Instant;
  readonly asking: Asking;
}

type Asking =
  | { readonly what: "reading" | "writing" | "settling"; readonly id: string }
  | { readonly what: "pausing"; readonly dueAt: Instant };

type Effects = readonly [Routing, ...Effect[]];
type Outcome = Extract<Report, { type: "answered" | "unanswered" }>;

const publishMs = 5000;
const withdrawMs = 2000;
const requestMs = 1500;
const retryMs = 500;
const rareMs = 5000;
/** Somebody else writes too: no race as fast as the network allows. */
const conflictPauseMs = 50;
const idle: Idle = { name: "idle" };
const left = note("warn", "the Endpoints were not withdrawn: the next leader overwrites them");
const managed = "managed";
const selectorNote = note(
  "error",
  "the Endpoints are the endpoint controller's: remove the Service's selector, or it overwrites ours",
);
const markAnnotation = "k8s-await-election/term";

export function begin(service: Service): Routing {
  return { service, exchanges: 0, phase: { name: "idle" } };
}

/** Points the Service at this pod, for the term with this mark. */
export function publish(routing: Routing, mark: string, now: Now): Effects {
  const giveUpAt = later(now.instant, publishMs);
  const asking = { what: "pausing", dueAt: now.instant } as const;
  return read(routing, { name: "publishing", mark, giveUpAt, isLate: false, asking });
}

/** Takes this pod out again, if it is still there by our own write. */
export function withdraw(routing: Routing, now: Now): Effects {
  const { phase } = routing;
  if (phase.name === "idle" || phase.name === "withdrawing") return [routing];
  const giveUpAt = later(now.instant, withdrawMs);
  const { mark } = phase;
  // A write that is under way may still be applied: what it does is waited for, and then undone.
  if (phase.name === "publishing" && phase.asking.what === "writing") {
    const asking = { what: "settling", id: phase.asking.id } as const;
    return [enter(routing, { name: "withdrawing", mark, giveUpAt, asking })];
  }
  const asking = { what: "pausing", dueAt: now.instant } as const;
  const abandoned = phase.name === "publishing" ? abandonment(phase.asking) : [];
  const [reading, ...orders] = read(routing, { name: "withdrawing", mark, giveUpAt, asking });
  return [reading, ...abandoned, ...orders];
}

/** Takes any report; nothing is published while `mayPublish` is false (S11). */
export function step(routing: Routing, report: Report, mayPublish: boolean, now: Now): Effects {
  const { phase } = routing;
  if (phase.name === "idle" || phase.name === "published") return [routing];
  if (now.instant >= phase.giveUpAt) {
    if (phase.name === "withdrawing")
      return [enter(routing, idle), ...abandonment(phase.asking), left];
    if (!phase.isLate)
      return proceed(enter(routing, { ...phase, isLate: true }), report, mayPublish, now);
  }
  return proceed(routing, report, mayPublish, now);
}

export function wakeAt({ phase }: Routing): Instant | undefined {
  if (phase.name === "idle" || phase.name === "published") return undefined;
  const giveUpAt = phase.name === "publishing" && phase.isLate ? undefined : phase.giveUpAt;
  const dueAt = phase.asking.what === "pausing" ? phase.asking.dueAt : undefined;
  if (giveUpAt === undefined || dueAt === undefined) return giveUpAt ?? dueAt;
  return dueAt < giveUpAt ? dueAt : giveUpAt;
}

/** Whether the command need not wait any longer for its traffic. */
export function isSettled({ phase }: Routing): boolean {
  return phase.name !== "publishing" || phase.isLate;
}

/** For who asks what is so. */
export function stateOf({ phase }: Routing): Routing["phase"]["name"] {
  return phase.name;
}

/** Whether nothing of ours is left to withdraw. */
export function isIdle({ phase }: Routing): boolean {
  return phase.name === "idle";
}

function proceed(routing: Routing, report: Report, mayPublish: boolean, now: Now): Effects {
  const { phase } = routing;
  if (phase.name !== "publishing" && phase.name !== "withdrawing") return [routing];
  const { asking } = phase;
  const isStopped = phase.name === "publishing" && !mayPublish;
  if (asking.what === "pausing") {
    return isStopped || now.instant < asking.dueAt ? [routing] : read(routing, phase);
  }
  if (report.type !== "answered" && report.type !== "unanswered") return [routing];
  if (report.id !== asking.id) return [routing];
  if (asking.what === "settling") return read(routing, phase);
  const isFound = report.type === "answered" && report.status === 200;
  if (asking.what === "writing") return written(routing, phase, report, now);
  if (isFound) return isStopped ? [routing] : write(routing, phase, report.body, now);
  const isMissing = report.type === "answered" && report.status === 404;
  if (isMissing && phase.name === "withdrawing") return [enter(routing, idle)];
  if (isMissing) return isStopped ? [routing] : write(routing, phase, undefined, now);
  return pause(routing, phase, report, now);
}

/** Puts the address in, or takes it out where it is ours: on the very object that was read. */
function write(
  routing: Routing,
  phase: Publishing | Withdrawing,
  text: string | undefined,
  now: Now,
): Effects {
  const found = text === undefined ? {} : endpointsIn(text);
  if (found === undefined) return [pausing(routing, phase, later(now.instant, retryMs))];
  if (phase.name === "withdrawing" && markOf(found) !== phase.mark) return [enter(routing, idle)];
  const object =
    phase.name === "publishing" ? published(routing, found, phase.mark) : emptied(found);
  const method = text === undefined ? "POST" : "PUT";
  const content = { method, body: JSON.stringify(object) } as const;
  if (phase.name === "withdrawing" || !isManaged(found) || phase.trouble === managed) {
    return ask(routing, phase, "writing", content);
  }
  return [...ask(routing, { ...phase, trouble: managed }, "writing", content), selectorNote];
}

function written(
  routing: Routing,
  phase: Publishing | Withdrawing,
  outcome: Outcome,
  now: Now,
): Effects {
  const status = outcome.type === "answered" ? outcome.status : 0;
  if (status === 409) return [pausing(routing, phase, later(now.instant, conflictPauseMs))];
  if (status !== 200 && status !== 201) return pause(routing, phase, outcome, now);
  if (phase.name === "withdrawing")
    return [enter(routing, idle), note("debug", "withdrew the Endpoints")];
  return [
    enter(routing, { name: "published", mark: phase.mark }),
    note("info", "the Service points here", {
      service: routing.service.name,
      ip: routing.service.podIp,
    }),
  ];
}

/** Tries again later; a refusal will not change soon, so the command need not wait for it. */
function pause(
  routing: Routing,
  phase: Publishing | Withdrawing,
  outcome: Outcome,
  now: Now,
): Effects {
  const denied = outcome.type === "answered" && outcome.status >= 400 && outcome.status < 429;
  if (phase.name === "withdrawing") {
    return denied
      ? [enter(routing, idle), left]
      : [pausing(routing, phase, later(now.instant, retryMs))];
  }
  const problem =
    outcome.type === "answered" ? refusal(outcome.status, outcome.body) : outcome.error;
  const isLate = phase.isLate || denied;
  const dueAt = later(now.instant, isLate ? rareMs : retryMs);
  const told =
    phase.trouble === kindOf(problem)
      ? []
      : [note("warn", "cannot write the Endpoints", { problem })];
  return [pausing(routing, { ...phase, isLate, trouble: kindOf(problem) }, dueAt), ...told];
}

function read(routing: Routing, phase: Publishing | Withdrawing): Effects {
  return ask(routing, phase, "reading", { method: "GET" });
}

function ask(
  routing: Routing,
  phase: Publishing | Withdrawing,
  what: "reading" | "writing",
  content: { readonly method: Method; readonly body?: string },
): Effects {
  const { namespace, name } = routing.service;
  const exchanges = routing.exchanges + 1;
  const id = `route-${exchanges}`;
  const all = `/api/v1/namespaces/${namespace}/endpoints`;
  const path = content.method === "POST" ? all : `${all}/${name}`;
  return [
    { ...enter(routing, { ...phase, asking: { what, id } }), exchanges },
    { type: "request", id, ...content, path, timeoutMs: requestMs },
  ];
}

function pausing(routing: Routing, phase: Publishing | Withdrawing, dueAt: Instant): Routing {
  return enter(routing, { ...phase, asking: { what: "pausing", dueAt } });
}

function abandonment(asking: Asking): Effect[] {
  return asking.what === "pausing" ? [] : [{ type: "abandon", id: asking.id }];
}

function enter(routing: Routing, phase: Routing["phase"]): Routing {
  return { ...routing, phase };
}

function published({ service }: Routing, found: JsonObject, mark: string): JsonObject {
  const address = {
    ip: service.podIp,
    ...(service.nodeName === undefined ? {} : { nodeName: service.nodeName }),
  };
  const subsets = [{ addresses: [address], ports: service.ports }];
  return edited(found, { metadata: { name: service.name }, mark, subsets });
}

function emptied(found: JsonObject): JsonObject {
  return edited(found, { metadata: {}, mark: undefined, subsets: [] });
}

/** Labels and annotations of others stay (I12). */
function edited(
  found: JsonObject,
  change: { metadata: JsonObject; mark: string | undefined; subsets: unknown },
): JsonObject {
  const metadata = { ...change.metadata, ...asObject(found["metadata"]) };
  const annotations = { ...asObject(metadata["annotations"]), [markAnnotation]: change.mark };
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    ...found,
    metadata: { ...metadata, annotations },
    subsets: change.subsets,
  };
}

/** The object that was read, if it is one: a write without its version would overwrite anything. */
function endpointsIn(text: string): JsonObject | undefined {
  const object = asObject(parseJson(text));
  const { uid, resourceVersion } = { ...asObject(object?.["metadata"]) };
  const isWhole = [uid, resourceVersion].every((it) => typeof it === "string" && it !== "");
  return object?.["kind"] === "Endpoints" && isWhole ? object : undefined;
}

/** The endpoint controller marks what it writes for a Service with a selector (Kubernetes 1.33). */
function isManaged(found: JsonObject): boolean {
  const labels = asObject(asObject(found["metadata"])?.["labels"]);
  return labels?.["endpoints.kubernetes.io/managed-by"] === "endpoint-controller";
}

function markOf(found: JsonObject): unknown {
  return asObject(asObject(found["metadata"])?.["annotations"])?.[markAnnotation];
}
