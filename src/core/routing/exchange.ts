/** The state of the routing, and what it asks of the API server: reads, writes and streams. */
import { type JsonObject, kindOf as kindOfProblem } from "../json.ts";
import { type Effect, note } from "../notes.ts";
import type { Instant, Now } from "../protocol.ts";
import * as objects from "./objects.ts";
import type { Goal, Route } from "./objects.ts";
import * as targets from "./target.ts";
import type { Target } from "./target.ts";
import type { Way } from "./way.ts";

export interface Routing extends Route {
  /** How many exchanges and streams there were: the next id. */
  readonly exchanges: number;
  readonly targets: readonly Target[];
  readonly phase: Idle | Pointing | Withdrawing;
}

export interface Idle {
  readonly name: "idle";
}

export interface Pointing {
  readonly name: "pointing";
  readonly goal: Goal;
  readonly way?: Way;
  /** From here the command starts without. */
  readonly giveUpAt: Instant;
  /** The command waits for its traffic. */
  readonly isAwaited: boolean;
  readonly isDone: boolean;
}

export interface Withdrawing {
  readonly name: "withdrawing";
  readonly goal: Goal;
  readonly giveUpAt: Instant;
}

export type Effects = readonly [Routing, ...Effect[]];

const requestMs = 1500;

/** Reads those that are due. */
export function look(from: Routing, all: readonly Target[], now: Now): Effects {
  const due = all.filter((target) => targets.isDue(target, now.instant));
  return each(from, due, (routing, target) => {
    const [id, numbered] = nextId(routing);
    const [folder, own] = objects.placeOf(routing, target.name);
    const asking = { id, what: "reading" } as const;
    return [
      replaced(numbered, { ...target, asking }),
      { type: "request", id, method: "GET", path: `${folder}/${own}`, timeoutMs: requestMs },
    ];
  });
}

export function write(
  routing: Routing,
  target: Target,
  wish: JsonObject,
  namesUs: boolean,
  now: Now,
): Effects {
  const { name, found } = target;
  const [id, numbered] = nextId(routing);
  const [folder, own] = objects.placeOf(routing, name);
  const object = found.how === "present" ? found.object : undefined;
  const method = object === undefined ? "POST" : "PUT";
  const path = object === undefined ? folder : `${folder}/${own}`;
  const body = JSON.stringify(objects.edited(routing, name, object, wish));
  return [
    replaced(numbered, targets.writing(target, id, namesUs, now.instant)),
    { type: "request", id, method, path, body, timeoutMs: requestMs },
  ];
}

export function listen(routing: Routing, target: Target, now: Now): Effects {
  const { name, found, stream, streamAt } = target;
  if (stream !== undefined || found.how !== "present" || now.instant < streamAt) return [routing];
  const [id, numbered] = nextId(routing);
  const [folder, own] = objects.placeOf(routing, name);
  const version = objects.versionOf(found.object);
  const query = `watch=true&fieldSelector=metadata.name%3D${own}&resourceVersion=${version}`;
  return [
    replaced(numbered, { ...target, stream: id }),
    { type: "watch", id, path: `${folder}?${query}`, timeoutMs: requestMs },
  ];
}

export function complain(routing: Routing, target: Target): Effects {
  const { name, problem, told } = target;
  if (problem === undefined || kindOfProblem(problem) === told) return [replaced(routing, target)];
  const action = name === "service" ? "read" : "write";
  return [
    replaced(routing, { ...target, told: kindOfProblem(problem) }),
    note("warn", `cannot ${action} the ${objects.kindOf(name)}`, { problem }),
  ];
}

/** One after another, each on what the one before left. */
export function each<T>(
  from: Routing,
  items: readonly T[],
  act: (routing: Routing, item: T) => Effects,
): Effects {
  let routing = from;
  const effects: Effect[] = [];
  for (const item of items) {
    const [next, ...more] = act(routing, item);
    routing = next;
    effects.push(...more);
  }
  return [routing, ...effects];
}

function nextId(routing: Routing): readonly [string, Routing] {
  const exchanges = routing.exchanges + 1;
  return [`route-${exchanges}`, { ...routing, exchanges }];
}

export function replaced(routing: Routing, target: Target): Routing {
  const all = routing.targets.map((it) => (it.name === target.name ? target : it));
  return { ...routing, targets: all };
}

export function enter(routing: Routing, phase: Routing["phase"]): Routing {
  return { ...routing, phase };
}

export function abandonment(id: string): Effect {
  return { type: "abandon", id };
}
