/**
 * The entry point as one pure function: the corridor between the rooms.
 *
 * A report first goes to the rooms, each of which takes what concerns it. Then the rules of
 * `settle.ts` say what one room's news means for the others, until nothing is left to say: may the
 * command run, must it stop, may the lease be released, is it time to leave.
 */
import * as commands from "./command.ts";
import * as elections from "./election.ts";
import * as exits from "./exit.ts";
import { cut } from "./json.ts";
import type { About } from "./lease-story.ts";
import { formatNote, type LogSettings } from "./log.ts";
import { type Effect, note } from "./notes.ts";
import * as announcements from "./notices.ts";
import { nothing, observe } from "./observe.ts";
import { pageOf } from "./pages.ts";
import * as preflights from "./preflight.ts";
import type { Facts, Instant, Now, Order, Report } from "./protocol.ts";
import * as readinesses from "./readiness.ts";
import type { Pod } from "./routing/objects.ts";
import { rightsOf } from "./rights.ts";
import * as routings from "./routing.ts";
import { isEnabled, readSettings, type Settings } from "./settings.ts";
import { settle } from "./settle.ts";
import * as statuses from "./status.ts";
import { askAt, type Running } from "./term.ts";

/** Opaque to a host. */
export type Program = Passing | Running | Finished;

/** No election: the host becomes the command. */
interface Passing {
  readonly name: "passing";
  readonly log: LogSettings;
}

/** The exit is ordered: nothing matters any more. */
interface Finished {
  readonly name: "finished";
}

type Step = [Program, ...Order[]];

/** Starts the program. */
export function begin(facts: Facts, now: Now): Step {
  const { settings, log, misfits, warnings } = readSettings(facts.variables);
  const enabled = isEnabled(facts.variables);
  const refusal = refuse(facts, enabled, settings, misfits);
  if (refusal !== undefined) {
    const [code, ...messages] = refusal;
    const notes = [
      ...warnings.map((message) => note("warn", message)),
      ...messages.map((message) => note("error", message)),
    ];
    return worded([{ name: "finished" }, ...notes, { type: "exit", code }], log, now);
  }
  if (!enabled || settings === undefined) return [{ name: "passing", log }, { type: "become" }];
  const remarks = [...warnings, ...shortcomings(facts, settings)].map((text) => note("warn", text));
  const [running, ...effects] = join(facts, settings, log, now);
  return worded([running, ...remarks, ...effects], log, now);
}

/** Takes one report. */
export function step(program: Program, report: Report, now: Now): Step {
  switch (program.name) {
    case "finished":
      return [program];
    case "passing": {
      if (report.type !== "becomeFailed") return [program];
      const message = note("error", report.message);
      const exit: Order = { type: "exit", code: exits.ofProblem(report) };
      return worded([{ name: "finished" }, message, exit], program.log, now);
    }
    case "running": {
      const [heard, ...effects] = announce(hear(program, report, now), now);
      const [settled, ...more] = announce(settle(heard, report, now), now);
      if (more.some((effect) => effect.type === "exit")) {
        return worded([{ name: "finished" }, ...effects, ...more], program.log, now);
      }
      const all = [...effects, ...more];
      const observed = observe(program, settled, report, all, now);
      const next = observed === settled.observed ? settled : { ...settled, observed };
      return worded([next, ...all], program.log, now);
    }
  }
}

/** The one deadline: without a report by then, the host reports a tick. */
export function wakeAt(program: Program): Instant | undefined {
  if (program.name !== "running") return undefined;
  const { election, command, routing, readiness, status, notices, preflight, ending } = program;
  if (notices !== undefined && isLeaving(program)) return announcements.wakeAt(notices);
  const mayRunOn = ending === undefined || ending.stage === "withdrawing";
  const tenure = mayRunOn ? elections.tenure(election) : undefined;
  const instants = [
    elections.wakeAt(election),
    commands.wakeAt(command),
    routing && routings.wakeAt(routing),
    readiness && readinesses.wakeAt(readiness),
    status && statuses.wakeAt(status),
    notices && announcements.wakeAt(notices),
    preflight && preflights.wakeAt(preflight),
    tenure?.stopAt,
    askAt(program),
  ];
  return instants.reduce((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a));
}

/** Why the program cannot even begin: an exit code and what to say. */
function refuse(
  facts: Facts,
  enabled: boolean,
  settings: Settings | undefined,
  misfits: readonly string[],
): [number, ...string[]] | undefined {
  if (!facts.hasCommand) {
    return [exits.failure, "no command given: use k8s-await-election COMMAND [ARGUMENT…]"];
  }
  if (enabled && misfits.length > 0) return [exits.settingsRefused, ...misfits];
  if (facts.commandProblem !== undefined) {
    return [exits.ofProblem(facts.commandProblem), facts.commandProblem.message];
  }
  if (!enabled) return undefined;
  if (facts.apiProblem !== undefined) return [exits.failure, facts.apiProblem];
  if (settings?.strict === true && !facts.abilities.treeDiesWithHost) {
    return [
      exits.settingsRefused,
      `K8S_AWAIT_ELECTION_STRICT is set, and ${orphansSurvive}: run it as PID 1 of the container`,
    ];
  }
  return undefined;
}

const orphansSurvive = "if this process is killed, what the command started can live on";

/** What kubelet grants where a pod says nothing, and what the release takes of it. */
const usualGraceSeconds = 30;
const releaseSeconds = 5;

/** What this host cannot do here, and what the pod has to grant, said once at start. */
function shortcomings(facts: Facts, { stopTimeoutMs }: Settings): string[] {
  const graceSeconds = stopTimeoutMs / 1000 + releaseSeconds;
  const orphans = facts.abilities.treeDiesWithHost
    ? []
    : [`not PID 1 of a container: ${orphansSurvive}`];
  const grace =
    graceSeconds <= usualGraceSeconds
      ? []
      : [
          `the pod's terminationGracePeriodSeconds must be at least ${graceSeconds} for a ` +
            `K8S_AWAIT_ELECTION_STOP_TIMEOUT of ${stopTimeoutMs / 1000}: kubelet grants ${usualGraceSeconds} unless told`,
        ];
  return [...orphans, ...grace];
}

function join(
  facts: Facts,
  settings: Settings,
  log: LogSettings,
  now: Now,
): [Running, ...Effect[]] {
  const { lock, identity, timing, strict } = settings;
  const { incarnation, podUid = "", isPid1: pid1, abilities } = facts;
  const self = {
    identity,
    mark: { incarnation, podUid, pid1 },
    soleHolder: abilities.soleHolder,
    strict,
  };
  const about = aboutOf(facts, settings);
  const election = elections.begin({ ...lock, self, timing, about }, facts.seed, now);
  const status = settings.status && statuses.begin(settings.status);
  const mode = settings.preflight;
  const rights = () => rightsOf(settings, "unknown");
  const preflight = mode === "off" ? undefined : preflights.begin(mode === "strict", rights, now);
  const { pod } = about;
  const source = { lock, identity, incarnation, ...(pod !== undefined && { pod }) };
  const running: Running = {
    name: "running",
    settings,
    log,
    election: election[0],
    command: commands.idle,
    ...(settings.service && { routing: routings.begin(settings.service, podOf(facts, lock)) }),
    ...(settings.probing && { readiness: readinesses.begin(settings.probing) }),
    ...(status && { status: status[0] }),
    ...(settings.events && { notices: announcements.begin(source, now) }),
    ...(preflight && { preflight: preflight[0] }),
    startFailures: 0,
    isGuardLost: false,
    observed: nothing,
    ...(facts.version !== undefined && { version: facts.version }),
  };
  const hello = note("info", `waiting to lead ${settings.name}`, {
    lease: `${lock.namespace}/${lock.name}`,
    identity,
    leaseSeconds: timing.leaseSeconds,
    incarnation,
  });
  const [, ...statusEffects] = status ?? [undefined];
  const [, ...electionEffects] = election;
  const [, ...questions] = preflight ?? [undefined];
  return [running, hello, ...statusEffects, ...electionEffects, ...questions];
}

function aboutOf({ podName, version }: Facts, { nodeName }: Settings): About {
  return {
    ...(podName !== undefined && { pod: cut(podName, 253) }),
    ...(nodeName !== undefined && { node: nodeName }),
    ...(version !== undefined && { version: cut(version, 63) }),
  };
}

/** All is done, and the last of it is being told. */
function isLeaving({ notices }: Running): boolean {
  return notices?.leaveAt !== undefined;
}

/** Notes that are Events too wait to be sent as such. */
function announce(
  [running, ...effects]: readonly [Running, ...Effect[]],
  now: Now,
): [Running, ...Effect[]] {
  if (running.notices === undefined) return [running, ...effects];
  const uid = elections.leaseUid(running.election);
  const notices = announcements.tell(running.notices, effects, uid, now);
  return [notices === running.notices ? running : { ...running, notices }, ...effects];
}

/** A pod is in the namespace of the Lease, as far as anybody can tell. */
function podOf({ podName, podUid }: Facts, { namespace }: Settings["lock"]): Pod | undefined {
  const isKnown = podName !== undefined && podUid !== undefined;
  return isKnown ? { namespace, name: podName, uid: podUid } : undefined;
}

/** Every room takes the report. */
function hear(running: Running, report: Report, now: Now): [Running, ...Effect[]] {
  const [election, ...told] = isLeaving(running)
    ? [running.election]
    : elections.step(running.election, report, now);
  const [command, ...done] = commands.step(running.command, report, now);
  const isSame = election === running.election && command === running.command;
  let next: Running = isSame ? running : { ...running, election, command };
  const effects: Effect[] = [...told, ...done];
  if (running.readiness !== undefined) {
    const [readiness, ...found] = readinesses.step(running.readiness, report, now);
    if (readiness !== running.readiness) next = { ...next, readiness };
    effects.push(...found);
  }
  if (running.routing !== undefined) {
    const tenure = elections.tenure(election);
    const mayPublish = tenure !== undefined && now.instant < tenure.stopAt;
    const [routing, ...sent] = routings.step(running.routing, report, mayPublish, now);
    if (routing !== running.routing) next = { ...next, routing };
    effects.push(...sent);
  }
  if (running.status !== undefined) {
    const page = (path: string) => pageOf(path, next, now);
    const [status, ...answers] = statuses.step(running.status, report, page, now);
    if (status !== running.status) next = { ...next, status };
    effects.push(...answers);
  }
  if (running.notices !== undefined) {
    const [notices, ...posts] = announcements.step(running.notices, report, now);
    if (notices !== running.notices) next = { ...next, notices };
    effects.push(...posts);
  }
  if (running.preflight !== undefined) {
    const { preflight: before, settings } = running;
    const rights = () => rightsOf(settings, elections.presence(election));
    const [preflight, ...questions] = preflights.step(before, report, rights, now);
    if (preflight !== before) next = { ...next, preflight };
    effects.push(...questions);
  }
  return [next, ...effects];
}

/** Notes become lines. */
function worded(
  [program, ...effects]: readonly [Program, ...Effect[]],
  log: LogSettings,
  now: Now,
): Step {
  const orders: Order[] = [];
  for (const effect of effects) {
    if (effect.type !== "note") orders.push(effect);
    else {
      const line = formatNote(effect, log, now.wallMs);
      if (line !== undefined) orders.push({ type: "print", line });
    }
  }
  return [program, ...orders];
}
