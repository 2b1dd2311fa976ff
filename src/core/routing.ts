/**
 * Where a Service without selector points: at the leader's pod while it leads, and at nobody after.
 *
 *     idle ──point──▶ pointing ──withdraw──▶ withdrawing ──gone, or given up──▶ idle
 *
 * Each object that may route the Service is held to what it shall say now: read, compared, and written
 * where it differs, by a compare-and-swap on the object as it was read, so that nothing newer is ever
 * overwritten (S11). It is an EndpointSlice per address family, or the older Endpoints; never both,
 * because Kubernetes copies Endpoints into slices of their own: what is not used is emptied first.
 * Nothing here delays the command by more than 5 s, or the release by more than 2 s (S5).
 */
import type { JsonObject } from "./json.ts";
import { note } from "./notes.ts";
import { type Instant, later, type Now, type Report } from "./protocol.ts";
import {
  abandonment,
  complain,
  each,
  type Effects,
  enter,
  type Idle,
  listen,
  look,
  replaced,
  type Routing,
  write,
} from "./routing/exchange.ts";
import * as objects from "./routing/objects.ts";
import type { Goal, Pod } from "./routing/objects.ts";
import * as targets from "./routing/target.ts";
import type { Target } from "./routing/target.ts";
import { choose, isUsed, managerOf } from "./routing/way.ts";
import type { Service } from "./settings.ts";

export type { Routing };

const pointMs = 5000;
const withdrawMs = 2000;
const retryMs = 500;
const rareMs = 5000;
const idle: Idle = { name: "idle" };
const managed =
  "the Service has a selector, so Kubernetes routes it: nothing is written until the selector is gone";
const left = note("warn", "the Service still points here: the next leader overwrites it");

export function begin(service: Service, pod?: Pod): Routing {
  return { service, ...(pod && { pod }), exchanges: 0, targets: [], phase: idle };
}

/** Points the Service at this pod, for the term of this goal; again, where its readiness changed. */
export function point(routing: Routing, goal: Goal, now: Now): Effects {
  const { phase, targets: known } = routing;
  const at = now.instant;
  if (phase.name === "pointing") {
    if (phase.goal.isReady === goal.isReady) return [routing];
    const hurried = known.map((target) => targets.hurried(target, at));
    return pursue(
      enter({ ...routing, targets: hurried }, { ...phase, goal, isDone: false }),
      true,
      now,
    );
  }
  const fresh = objects.names.map((name, index) => targets.anew(name, known[index], at));
  const giveUpAt = later(at, pointMs);
  const pointing = { name: "pointing", goal, giveUpAt, isAwaited: true, isDone: false } as const;
  return pursue(enter({ ...routing, targets: fresh }, pointing), true, now);
}

/** Takes this pod out again, where it is there by our own write; slices may announce it before. */
export function withdraw(routing: Routing, isAnnounced: boolean, now: Now): Effects {
  const { phase, targets: known } = routing;
  if (phase.name !== "pointing") return [routing];
  // A read may hang. A write that is under way may still be applied: its end is waited for.
  const abandoned = known.flatMap(({ stream, asking }) => [
    ...(stream === undefined ? [] : [abandonment(stream)]),
    ...(asking?.what === "reading" ? [abandonment(asking.id)] : []),
  ]);
  const { goal } = phase;
  const giveUpAt = later(now.instant, withdrawMs);
  const alone = known.map((target) => targets.hurried(targets.alone(target), now.instant));
  const ending = enter({ ...routing, targets: alone }, { name: "withdrawing", goal, giveUpAt });
  // Only now, and only where it takes no look: later it might be too late to name us (S11).
  const said = isAnnounced
    ? ours(ending).filter((it) => it.asking === undefined && isOurs(it, goal))
    : [];
  const [telling, ...announced] = each(ending, said, (next, target) =>
    objects.isSlice(target.name)
      ? write(next, target, objects.wanted(next, target.name, goal, true), true, now)
      : [next],
  );
  const [next, ...effects] = remove(telling, now);
  return [next, ...abandoned, ...announced, ...effects];
}

/** Takes any report; nothing is written that names us while `mayPublish` is false (S11). */
export function step(routing: Routing, report: Report, mayPublish: boolean, now: Now): Effects {
  if (routing.phase.name === "idle") return [routing];
  const [heard, ...told] = hear(routing, report, now);
  const due = wakeAt(heard);
  if (heard === routing && (due === undefined || now.instant < due)) return [routing];
  const isEnding = heard.phase.name === "withdrawing";
  const [next, ...effects] = isEnding ? remove(heard, now) : pursue(heard, mayPublish, now);
  return [next, ...told, ...effects];
}

export function wakeAt({ phase, targets: all }: Routing): Instant | undefined {
  if (phase.name === "idle") return undefined;
  const isEnding = phase.name === "withdrawing";
  const isHasty = isEnding || phase.isAwaited;
  const instants = all.map((it) => (isEnding && !it.mayNameUs ? undefined : targets.wakeAt(it)));
  return [isHasty ? phase.giveUpAt : undefined, ...instants].reduce((a, b) =>
    a === undefined || (b !== undefined && b < a) ? b : a,
  );
}

/** Whether the command need not wait any longer for its traffic. */
export function isSettled({ phase }: Routing): boolean {
  return phase.name !== "pointing" || !phase.isAwaited;
}

/** Whether nothing of ours is left to withdraw. */
export function isIdle({ phase }: Routing): boolean {
  return phase.name === "idle";
}

/** For who asks what is so. */
export function stateOf({ phase, service }: Routing): object {
  const isPointing = phase.name === "pointing";
  const state = !isPointing ? phase.name : phase.isDone ? "published" : "publishing";
  return { service: service.name, by: (isPointing && phase.way) || null, state };
}

/** Every target takes the report, and a new kind of problem is told. */
function hear(routing: Routing, report: Report, now: Now): Effects {
  const { phase } = routing;
  const isRare = phase.name === "pointing" && !phase.isAwaited;
  for (const target of routing.targets) {
    const heard = targets.hear(target, report, isRare ? rareMs : retryMs, now);
    if (heard === target) continue;
    const isFailed = phase.name === "pointing" && heard.found.how === "unknown";
    return isFailed ? complain(routing, heard) : [replaced(routing, heard)];
  }
  return [routing];
}

/** Looks at what is unknown or due, and writes what differs. */
function pursue(from: Routing, mayPublish: boolean, now: Now): Effects {
  const { phase } = from;
  if (phase.name !== "pointing") return [from];
  const isAwaited = phase.isAwaited && now.instant < phase.giveUpAt;
  const due = enter(from, { ...phase, isAwaited });
  const [routing, ...looks] = look(due, due.targets, now);
  const isKnown = routing.targets.every(({ found }) => found.how !== "unknown");
  if (!isKnown || !mayPublish) return [routing, ...looks];
  const manager = managerOf(routing.targets);
  const [next, ...effects] =
    manager === undefined ? route(routing, now) : refuse(routing, manager, now);
  return [next, ...looks, ...effects];
}

/** First nobody is named where nobody shall be, and then we are named where we shall be. */
function route(from: Routing, now: Now): Effects {
  const { phase } = from;
  if (phase.name !== "pointing") return [from];
  const way = choose(from, from.targets, phase.way);
  const changes = from.targets.flatMap((target) => {
    const { name, found } = target;
    if (name === "service") return [];
    const namesUs = isUsed(from, name, way);
    const object = found.how === "present" ? found.object : undefined;
    const wish = objects.wanted(from, name, namesUs ? phase.goal : undefined);
    const isRight = namesUs
      ? object !== undefined && objects.covers(object, wish)
      : object === undefined || !objects.isFilled(name, object);
    return isRight ? [] : [{ target, namesUs, wish }];
  });
  const first = changes.some(({ namesUs }) => !namesUs)
    ? changes.filter(({ namesUs }) => !namesUs)
    : changes;
  const decided = enter(from, { ...phase, way });
  if (first.length === 0) return arrive(decided, now);
  return each(decided, first, (routing, { target, namesUs, wish }) =>
    change(routing, target, wish, namesUs, now),
  );
}

function change(
  routing: Routing,
  target: Target,
  wish: JsonObject,
  namesUs: boolean,
  now: Now,
): Effects {
  const { phase } = routing;
  if (target.asking !== undefined || phase.name !== "pointing") return [routing];
  if (target.found.how === "denied") {
    const again = targets.forgotten(target, later(now.instant, rareMs));
    return complain(enter(routing, { ...phase, isAwaited: false, isDone: false }), again);
  }
  if (now.instant < target.writeAt) {
    return [replaced(routing, { ...target, dueAt: target.writeAt })];
  }
  const writing = write(routing, target, wish, namesUs, now);
  if (!phase.isDone) return writing;
  const [next, ...effects] = writing;
  const kind = objects.kindOf(target.name);
  const told = note("info", `the ${kind} was changed by somebody else: writing it again`);
  return [enter(next, { ...phase, isDone: false }), told, ...effects];
}

/** All is as it shall be; from now on changes are listened for. */
function arrive(from: Routing, now: Now): Effects {
  const { phase, service } = from;
  if (phase.name !== "pointing") return [from];
  const { goal, way = "" } = phase;
  const message = goal.isReady ? "the Service points here" : "the Service knows us as not ready";
  const values = { service: service.name, ip: service.podIps.join(), by: way };
  const told = phase.isDone ? [] : [note("info", message, values)];
  const settled = enter(from, { ...phase, isAwaited: false, isDone: true });
  const [routing, ...streams] = each(settled, from.targets, (next, target) => {
    const isListened = phase.way !== undefined && isUsed(from, target.name, phase.way);
    return isListened ? listen(next, target, now) : [next];
  });
  return [routing, ...told, ...streams];
}

/** Kubernetes' own controllers route this Service, to every pod that its selector finds. */
function refuse(from: Routing, manager: Target, now: Now): Effects {
  const { phase, service } = from;
  if (phase.name !== "pointing") return [from];
  const refused = enter(from, { ...phase, isAwaited: false, isDone: false });
  const values = { service: service.name, seenBy: objects.kindOf(manager.name) };
  const told = manager.told === managed ? [] : [note("error", managed, values)];
  const silent = replaced(refused, { ...manager, told: managed });
  const [routing, ...effects] = each(silent, ours(silent), (next, target) =>
    clear(next, target, phase.goal, now),
  );
  return [routing, ...told, ...effects];
}

/** Takes us out wherever we may be named. */
function remove(from: Routing, now: Now): Effects {
  const { phase } = from;
  if (phase.name !== "withdrawing") return [from];
  const doubtful = ours(from);
  if (now.instant >= phase.giveUpAt) {
    const asked = doubtful.flatMap(({ asking }) => (asking ? [abandonment(asking.id)] : []));
    return [enter(from, idle), ...asked, left];
  }
  const [routing, ...effects] = each(from, doubtful, (next, target) =>
    clear(next, target, phase.goal, now),
  );
  if (ours(routing).length > 0) return [routing, ...effects];
  const isLeft = doubtful.some(({ found }) => found.how === "denied");
  const told = isLeft ? left : note("debug", "the Service points here no more");
  return [enter(routing, idle), ...effects, told];
}

function ours(routing: Routing): readonly Target[] {
  return routing.targets.filter(({ mayNameUs }) => mayNameUs);
}

/** Empties it, where it names us by our own write. */
function clear(routing: Routing, target: Target, goal: Goal, now: Now): Effects {
  const { name, found, asking } = target;
  if (asking !== undefined || name === "service") return [routing];
  if (found.how === "unknown") return look(routing, [target], now);
  return isOurs(target, goal)
    ? write(routing, target, objects.wanted(routing, name, undefined), true, now)
    : [replaced(routing, { ...target, mayNameUs: false })];
}

function isOurs({ name, found }: Target, { mark }: Goal): boolean {
  if (found.how !== "present" || !objects.isFilled(name, found.object)) return false;
  return objects.markOf(found.object) === mark;
}
