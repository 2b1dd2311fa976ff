/**
 * A story: reports in, transcript out, on virtual time.
 *
 *     # what it tells                      a comment
 *     facts {"isPid1": true}               members that differ from the usual facts; comes first
 *     vars {"STRICT": "1"}                 variables that differ from the usual ones
 *     +2000                                that much time passes; ticks come when the program asks
 *     > answered lease-1 404               a report; the shorthands are in `parseReport`
 *     < print …                            what the program ordered: written by the runner
 *
 * Everything but the `<` lines and the `@` lines (a tick came, or time passed) is the author's.
 */
import type { Facts, Now, Order, Report } from "../../src/core/protocol.ts";
import { instant } from "../../src/core/protocol.ts";
import * as programs from "../../src/core/program.ts";
import type { Steps } from "../../src/core/recording.ts";
import { describeOrder } from "../../src/core/transcript.ts";

const startWallMs = Date.UTC(2026, 0, 1);

export const usualVariables: Readonly<Record<string, string>> = {
  ENABLED: "1",
  NAME: "demo",
  LOCK_NAME: "demo",
  LOCK_NAMESPACE: "default",
  IDENTITY: "a",
  EVENTS: "0",
};

export const usualFacts: Facts = {
  seed: 1,
  incarnation: "a".repeat(32),
  variables: {},
  hasCommand: true,
  podUid: "pod-a",
  hostName: "a",
  isPid1: true,
  abilities: { treeDiesWithHost: true, reapsOrphans: false, soleHolder: false },
};

/**
 * Plays the author's lines and returns the whole story with the program's lines put in; `steps` may be
 * the program with a recorder around it.
 */
export function play(story: string, steps: Steps = programs): string {
  const told: string[] = [];
  const stage = new Stage(told, steps);
  for (const line of story.split("\n")) {
    if (line.startsWith("<") || line.startsWith("@")) continue;
    told.push(line);
    stage.take(line);
  }
  return told.join("\n");
}

class Stage {
  readonly #told: string[];
  readonly #steps: Steps;
  #program: programs.Program | undefined;
  #ms = 0;
  #facts: Partial<Facts> = {};
  #variables: Record<string, string> = {};
  /** The bodies of our writes, so that the server can confirm them. */
  readonly #bodies = new Map<string, string>();

  constructor(told: string[], steps: Steps) {
    this.#told = told;
    this.#steps = steps;
  }

  take(line: string): void {
    if (line.startsWith("facts ")) this.#facts = JSON.parse(line.slice(6)) as Partial<Facts>;
    else if (line.startsWith("vars ")) {
      this.#variables = JSON.parse(line.slice(5)) as Record<string, string>;
    } else if (line === "begin") this.#begin();
    else if (line.startsWith("+")) this.#pass(Number(line.slice(1)));
    else if (line.startsWith("> ")) this.#report(parseReport(line.slice(2), this.#bodies));
    else if (line !== "" && !line.startsWith("#")) throw new Error(`not a story line: ${line}`);
  }

  #begin(): void {
    const all = { ...usualVariables, ...this.#variables };
    const variables = Object.fromEntries(
      Object.entries(all).map(([name, value]) => [`K8S_AWAIT_ELECTION_${name}`, value]),
    );
    const facts: Facts = { ...usualFacts, ...this.#facts, variables };
    const [program, ...orders] = this.#steps.begin(facts, this.#now());
    this.#program = program;
    this.#tell(orders);
  }

  /** Ticks come exactly when the program wants them. */
  #pass(ms: number): void {
    const end = this.#ms + ms;
    for (let ticks = 0; ; ticks++) {
      const at = this.#program === undefined ? undefined : programs.wakeAt(this.#program);
      if (at === undefined || at > end) break;
      if (ticks > 1000) throw new Error(`the program asks for ticks without end at ${at}`);
      this.#ms = Math.max(this.#ms, at);
      this.#told.push(`@ ${this.#ms} tick`);
      this.#report({ type: "tick" });
    }
    this.#ms = end;
    this.#told.push(`@ ${end}`);
  }

  #report(report: Report): void {
    if (this.#program === undefined) throw new Error("the story has no `begin` yet");
    const [program, ...orders] = this.#steps.step(this.#program, report, this.#now());
    this.#program = program;
    this.#tell(orders);
  }

  #tell(orders: readonly Order[]): void {
    for (const order of orders) {
      if (order.type === "request" && order.body !== undefined) {
        this.#bodies.set(order.id, order.body);
      }
      this.#told.push(`< ${describeOrder(order, instant(this.#ms))}`);
    }
  }

  #now(): Now {
    return { instant: instant(this.#ms), wallMs: startWallMs + this.#ms };
  }
}

/**
 * A report in one line, mostly as `describeReport()` would have it:
 *
 *     answered lease-1 404                    any status without a body
 *     answered lease-1 200 {"rv":"7", …}      a Lease of these members
 *     answered lease-2 confirm 8              200 with our own write as version 8
 *     answered can-1 denied                   to a SelfSubjectAccessReview: or allowed
 *     line watch-1 MODIFIED {"rv":"9", …}     a watch event
 *     {"type":"exited","code":0}              anything else, as it is
 */
function parseReport(text: string, bodies: ReadonlyMap<string, string>): Report {
  if (text.startsWith("{")) return JSON.parse(text) as Report;
  const [type, id = "", first = "", rest = ""] = splitWords(text, 4);
  switch (type) {
    case "answered": {
      if (first === "confirm") {
        return { type, id, status: 200, body: confirmed(bodies.get(id) ?? "", rest) };
      }
      if (first === "allowed" || first === "denied") {
        const status = { allowed: first === "allowed" };
        return { type, id, status: 201, body: JSON.stringify({ status }) };
      }
      return { type, id, status: Number(first), body: rest === "" ? "" : leaseText(rest) };
    }
    case "unanswered":
      return { type, id, error: [first, rest].join(" ").trim() };
    case "opened":
      return { type, id };
    case "line": {
      const object = JSON.parse(rest === "" ? "{}" : leaseText(rest)) as unknown;
      return { type, id, text: JSON.stringify({ type: first, object }) };
    }
    case "ended":
      return { type, id };
    case "signalled":
      return { type, signal: id };
    case "guardReady":
      return { type, at: instant(Number(id)) };
    case "started":
      return { type, pid: Number(id) };
    case "tick":
    case "emptied":
    case "guardFired":
      return { type };
    default:
      throw new Error(`not a report: ${text}`);
  }
}

function confirmed(body: string, version: string): string {
  const object = JSON.parse(body) as { metadata: Record<string, unknown> };
  const metadata = { uid: "uid-1", ...object.metadata, resourceVersion: version };
  return JSON.stringify({ ...object, metadata });
}

function leaseText(json: string): string {
  const {
    rv,
    uid = "uid-1",
    term,
    released,
    ...spec
  } = JSON.parse(json) as Record<string, unknown>;
  const annotations = {
    ...(term === undefined ? {} : { "k8s-await-election/term": term }),
    ...(released === undefined ? {} : { "k8s-await-election/released": released }),
  };
  const short: Record<string, string> = {
    holder: "holderIdentity",
    duration: "leaseDurationSeconds",
    acquire: "acquireTime",
    renew: "renewTime",
    transitions: "leaseTransitions",
  };
  const full = Object.entries(spec).map(([key, value]) => [short[key] ?? key, value] as const);
  return JSON.stringify({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "demo", namespace: "default", uid, resourceVersion: rv, annotations },
    spec: Object.fromEntries(full),
  });
}

function splitWords(text: string, most: number): string[] {
  const words = text.split(" ");
  return [...words.slice(0, most - 1), words.slice(most - 1).join(" ")];
}
