/**
 * The command's tree: the command and everything it started, found through `/proc` and killed.
 *
 * A process belongs to the tree when it started no earlier than the command and
 * - is in the command's session, or in the session of another member (nobody can join a session
 *   from outside, so this holds for every process group in it and whatever its parents are), or
 * - is a child of a member, or was seen as a member before, or
 * - carries the mark of this term in its environment, which finds the daemon that forked twice
 *   and took a session of its own. The mark is inherited by everything that does not remove it.
 *
 * As PID 1 the whole namespace is the command's: every process but those in the host's own session
 * (helpers that the host started for itself, such as credential plugins) and those that came from
 * outside (`kubectl exec`, whose parent reads 0). Killing is then `kill(-1)` as well, which the
 * kernel does at one stroke, so that no fork escapes it; it also ends helpers and visitors, which
 * is acceptable: a helper is started again, and a visitor must not keep a lease from moving.
 *
 * What cannot be seen, unless PID 1: a process that left the session *and* whose parent ended
 * before any scan *and* that cleared its environment or runs as another user, whose environment is
 * unreadable then; any process of another user under `hidepid`. Killing may be refused as well
 * (setuid programs): such a process stays alive and is reported as remaining. Between reading
 * a pid and killing it lie some 30 µs in which it would have to end and be given again.
 */
import { type Process, listPids, readEnvironment, readLastPid, readProcess } from "./processes.ts";

/** What identifies the tree of one term. Plain data: it is handed to the guard's thread. */
export interface Tree {
  /** The command's pid, which is also the number of its process group and session. */
  readonly root: number;
  readonly startTicks: number;
  /** `NAME=value` in the environment of everything the command starts. */
  readonly mark: string;
  /** The host is PID 1, so that the whole PID namespace is the command's. */
  readonly isPid1: boolean;
}

export interface Finding {
  readonly alive: readonly Process[];
  /** No process was created meanwhile, so that nothing can have hidden between two reads. */
  readonly isConclusive: boolean;
}

/** Looks through all processes, and calls `found` at once for each member. */
export type Scan = (found?: (member: Process) => void) => Finding;

export interface Round {
  /** Verified: nothing of the tree is alive. */
  readonly isEmpty: boolean;
  readonly alive: readonly number[];
  /** Members that no round had seen before: something is forking. */
  readonly isGrowing: boolean;
}

/** Kills whatever is alive of a tree and says what that was; to be repeated until it is empty. */
export type Kill = () => Round;

/**
 * On a machine where strangers create processes all the time no scan is conclusive; so many empty
 * ones in a row are believed then. Something that forks faster than it can be read would have to
 * escape each of them.
 */
const emptyScansBelieved = 20;

/**
 * The tree of a command that was just started. Where its process cannot be read, for want of file
 * descriptors, it counts as older than everything, so that nothing is taken for too old to belong.
 */
export function treeOf(root: number, mark: string, isPid1: boolean): Tree {
  let startTicks = 0;
  try {
    startTicks = readProcess(root)?.startTicks ?? 0;
  } catch {
    // The command runs, and has to be followed all the same.
  }
  return { root, startTicks, mark, isPid1 };
}

/** A scan that remembers members, so that they stay known when their parents have ended. */
export function createScan(tree: Tree): Scan {
  // Each variable ends with a zero byte.
  const mark = Buffer.from(`${tree.mark}\0`);
  let ownSession: number | undefined;
  const known = new Map<number, number>();
  let sessions = new Set([tree.root]);

  return (found) => {
    ownSession ??= readProcess(process.pid)?.session;
    const lastPid = readLastPid();
    const members = new Map<number, Process>();
    const others: Process[] = [];
    let hasUndecided = false;
    const add = (member: Process) => {
      members.set(member.pid, member);
      known.set(member.pid, member.startTicks);
      if (member.session !== ownSession) sessions.add(member.session);
      found?.(member);
    };

    for (const candidate of candidatesOf(tree)) {
      if (known.get(candidate.pid) === candidate.startTicks) add(candidate);
      else if (sessions.has(candidate.session)) add(candidate);
      else {
        const hasMark = tree.isPid1 ? false : carries(candidate.pid, mark);
        if (hasMark === true) add(candidate);
        else others.push(candidate);
        if (hasMark === "undecided") hasUndecided = true;
      }
    }
    const visitors = new Set(others.filter((it) => it.parent === 0).map((it) => it.session));
    const isOurs = (it: Process) =>
      tree.isPid1 && it.session !== ownSession && !visitors.has(it.session);
    addRelatives(others, members, (it) => isOurs(it) || sessions.has(it.session), add);

    sessions = new Set([tree.root, ...Array.from(members.values(), (it) => it.session)]);
    if (ownSession !== undefined) sessions.delete(ownSession);
    return {
      alive: [...members.values()],
      isConclusive: !hasUndecided && readLastPid() === lastPid,
    };
  };
}

/** The killing of a tree; `scan` brings what was learned about it before. */
export function createKill(tree: Tree, scan: Scan = createScan(tree)): Kill {
  const seen = new Set<number>();
  let emptyScans = 0;
  return () => {
    if (tree.isPid1 && process.pid === 1) send(-1);
    if (ownsGroup(tree)) send(-tree.root);
    try {
      const { alive, isConclusive } = scan((member) => send(member.pid));
      emptyScans = alive.length === 0 ? emptyScans + 1 : 0;
      const isEmpty = emptyScans > 0 && (isConclusive || emptyScans >= emptyScansBelieved);
      const pids = alive.map((it) => it.pid).sort((a, b) => a - b);
      const isGrowing = pids.some((pid) => !seen.has(pid));
      for (const pid of pids) seen.add(pid);
      return { isEmpty, alive: pids, isGrowing };
    } catch {
      // Out of file descriptors or memory: nothing is known, so nothing is verified; try again.
      emptyScans = 0;
      return { isEmpty: false, alive: [], isGrowing: false };
    }
  };
}

/**
 * The kernel kills a group at one stroke too. Its number is the command's as long as the command is
 * alive or not reaped; after that members are killed one by one. When nothing can be read, for want
 * of file descriptors, this one stroke is all there is, and the number is hardly another's yet.
 */
function ownsGroup({ root, startTicks }: Tree): boolean {
  try {
    const found = readProcess(root)?.startTicks;
    return found !== undefined && (found === startTicks || startTicks === 0);
  } catch {
    return true;
  }
}

/** How long to wait for the kernel to end what a round has killed. */
export function pauseAfterMs(round: Round, elapsedMs: number): number {
  if (round.isGrowing || round.alive.length === 0) return 1;
  return Math.min(Math.max(elapsedMs / 8, 1), 250);
}

/** Processes that may belong to the tree: alive, not the host, not older than the command. */
function* candidatesOf(tree: Tree): Generator<Process> {
  for (const pid of listPids()) {
    const candidate = pid === process.pid ? undefined : readProcess(pid);
    if (candidate?.isAlive && candidate.startTicks >= tree.startTicks) yield candidate;
  }
}

/** Adds children of members, and their children, until nobody is left to add. */
function addRelatives(
  others: readonly Process[],
  members: ReadonlyMap<number, Process>,
  belongs: (other: Process) => boolean,
  add: (member: Process) => void,
): void {
  let size: number;
  do {
    size = members.size;
    for (const other of others) {
      const isMember = members.has(other.pid);
      if (!isMember && (members.has(other.parent) || belongs(other))) add(other);
    }
  } while (members.size > size);
}

function carries(pid: number, mark: Buffer): boolean | "undecided" {
  const environment = readEnvironment(pid);
  if (environment === undefined) return false;
  // Between exec's change of memory and its last step the environment reads empty.
  if (environment.length === 0) return readProcess(pid)?.isBare === true ? "undecided" : false;
  for (let at = environment.indexOf(mark); at !== -1; at = environment.indexOf(mark, at + 1)) {
    if (at === 0 || environment[at - 1] === 0) return true;
  }
  return false;
}

function send(target: number): void {
  try {
    process.kill(target, "SIGKILL");
  } catch {
    // It ended meanwhile, or it may not be killed by this user and will be seen again.
  }
}
