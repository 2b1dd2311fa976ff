/** Mistakes around the command: its guard, its tree, how it starts and how it ends. */
import type { Mutant } from "./mutant.ts";

const guardThread = "src/node/command/guard-worker.js";
const guard = "src/node/command/guard.js";
const tree = "src/node/command/tree.js";
const command = "src/node/command/command.js";

const faults = "test/node/faults.test.js";
const guardTest = "test/node/guard.test.js";
const treeTest = "test/node/tree.test.js";
const commandTest = "test/node/command.test.js";
const containers = "test/hosts/containers.test.js";
const exits = "test/hosts/exits.test.js";

const guardMutants: readonly Mutant[] = [
  {
    name: "no-watchdog",
    file: guardThread,
    from: "if (isDue && tree !== undefined && kill === undefined)",
    to: "if (false)",
    falls: { file: faults, titles: "C7 a loop blocked for 7 s" },
    note: "the tree lives as long as the loop is stuck",
  },
  {
    name: "guard-confirmed-unheard",
    file: guard,
    from: 'send(at === undefined ? { type: "arm" } : { type: "arm", at });',
    to: 'send({ type: "arm", at }); if (at !== undefined) report({ type: "guardReady", at });',
    falls: { file: guardTest, titles: "C8 createGuard.. reports a thread that stalls" },
    note: "the command starts under a guard that may not run",
  },
  {
    name: "guard-keeps-its-first-deadline",
    file: guardThread,
    from: "deadline = order.at;",
    to: "deadline ??= order.at;",
    falls: { file: faults, titles: "C7 a loop blocked for 1 s" },
    note: "kills a leader that renews",
  },
  {
    name: "guard-kills-early",
    file: guardThread,
    from: "now >= deadline;",
    to: "now >= deadline - 200;",
    falls: { file: guardTest, titles: "kills at the deadline and not before" },
  },
  {
    name: "guard-sleeps-once",
    file: guardThread,
    from: "Math.max(0, Math.min(leftMs, leftMs > nearMs ? farSliceMs : nearSliceMs))",
    to: "Math.max(0, leftMs)",
    falls: { file: "test/node/clocks.test.js", titles: "C3 after a suspend" },
    note: "waiting does not count a suspend",
  },
  {
    name: "guard-without-a-clock-waits",
    file: guardThread,
    from: "createKill(tree)();",
    to: ";",
    falls: { file: guardTest, titles: "C6" },
    note: "the tree lives until the loop hears that the thread has died",
  },
  {
    name: "guard-death-unnoticed",
    file: guard,
    from: 'lose("the guard\'s thread has ended")',
    to: "undefined",
    falls: { file: guardTest, titles: "C8 createGuard.. reports a thread that ends" },
    note: "it would be noticed as stalled, a second later",
  },
  {
    name: "guard-stall-unnoticed",
    file: guard,
    from: 'lose("the guard\'s thread has stalled")',
    to: "undefined",
    falls: { file: faults, titles: "C8 a guard that stalls" },
  },
  {
    name: "guard-knows-no-tree",
    file: command,
    from: "protect(tree);",
    to: "",
    falls: { file: faults, titles: "C7 a loop blocked for 7 s" },
  },
];

const treeMutants: readonly Mutant[] = [
  {
    name: "kill-the-command-only",
    file: tree,
    from: "scan((member) => send(member.pid));",
    to: "scan((member) => member.pid === tree.root && send(member.pid));",
    falls: { file: treeTest, titles: "P8 createKill.. ends 200 daemons that forked twice" },
  },
  {
    name: "dead-command-counts-as-empty",
    file: tree,
    from: "const isEmpty = emptyScans > 0 &&",
    to: "const isEmpty = !alive.some((it) => it.pid === tree.root) || emptyScans > 0 &&",
    falls: { file: containers, titles: "P11 .* not as PID 1" },
    note: "the lease goes while something lives",
  },
  {
    name: "release-without-looking",
    file: command,
    from: "await untilEmpty(tree, scan, report);",
    to: "signalGroup({ tree, scan, hasExited: false }, 'SIGKILL');",
    falls: { file: exits, titles: "P8 200 daemons not as PID 1" },
    note: "S5",
  },
  {
    name: "no-mark",
    file: tree,
    from: "tree.isPid1 ? false : carries(candidate.pid, mark)",
    to: "false",
    falls: {
      file: treeTest,
      titles: "P8 createKill.. ends daemons although the command has ended",
    },
  },
  {
    name: "any-mark",
    file: tree,
    from: "const mark = Buffer.from(`${tree.mark}\\0`);",
    to: "const mark = Buffer.from(tree.mark);",
    falls: { file: treeTest, titles: "leaves strangers alone" },
    note: "kills the command of a later term, whose mark begins with this one",
  },
  {
    name: "no-sessions",
    file: tree,
    from: "let sessions = new Set([tree.root]);",
    to: "let sessions = new Set();",
    falls: { file: treeTest, titles: "finds orphans without a mark" },
  },
  {
    name: "no-sessions-of-members",
    file: tree,
    from: "isOurs(it) || sessions.has(it.session)",
    to: "isOurs(it)",
    falls: { file: treeTest, titles: "finds orphans without a mark" },
    note: "a daemon's session is known only after what is newer in it",
  },
  {
    name: "no-children",
    file: tree,
    from: "(members.has(other.parent) || belongs(other))",
    to: "belongs(other)",
    falls: { file: treeTest, titles: "remembers a member that loses" },
  },
  {
    name: "no-memory",
    file: tree,
    from: "if (known.get(candidate.pid) === candidate.startTicks)",
    to: "if (false)",
    falls: { file: treeTest, titles: "remembers a member that leaves" },
  },
  {
    name: "pids-are-for-ever",
    file: tree,
    from: "candidate.startTicks >= tree.startTicks",
    to: "true",
    falls: { file: treeTest, titles: "takes nothing that is older" },
  },
  {
    name: "groups-are-for-ever",
    file: tree,
    from: "found !== undefined && (found === startTicks || startTicks === 0)",
    to: "found !== undefined",
    falls: { file: treeTest, titles: "takes nothing that is older" },
    note: "kills a stranger whose group has the number of a command long gone",
  },
  {
    name: "zombies-live",
    file: "src/node/command/processes.js",
    from: "isAlive: !isZombie && !isKernelThread",
    to: "isAlive: !isKernelThread",
    falls: { file: "test/hosts/signals.test.js", titles: "P2 .* as PID 1" },
    note: "Node reaps no orphans: as PID 1 the lease would never be let go",
  },
  {
    name: "kill-everybody",
    file: tree,
    from: "if (tree.isPid1 && process.pid === 1)",
    to: "if (true)",
    falls: { file: containers, titles: "P18" },
    note: "S13; it can only reach what is in the namespace that the run has to itself",
  },
  {
    name: "visitors-keep-the-lease",
    file: tree,
    from: "!visitors.has(it.session)",
    to: "true",
    falls: { file: containers, titles: "P20 a debug shell of another user" },
  },
];

const endMutants: readonly Mutant[] = [
  {
    name: "exit-code-lost",
    file: command,
    from: "code: code ?? 1",
    to: "code: 1",
    falls: { file: exits, titles: "P6 exit code (0|3) is" },
  },
  {
    name: "signals-to-the-command-alone",
    file: command,
    from: "process.kill(-group, name);",
    to: "process.kill(group, name);",
    falls: { file: commandTest, titles: "signal.. reaches the command's group" },
  },
  {
    name: "two-trees",
    file: command,
    from: 'throw new InvariantError("Cannot start: the tree is not empty");',
    to: ";",
    falls: { file: commandTest, titles: "refuses a second tree" },
  },
  {
    name: "same-session",
    file: command,
    from: "detached: true",
    to: "detached: false",
    falls: { file: commandTest, titles: "gives a session of its own" },
  },
  {
    name: "environment-lost",
    file: command,
    from: "{ ...env, ...addEnv }",
    to: "{ ...addEnv }",
    falls: { file: commandTest, titles: "gives a session of its own" },
  },
  {
    name: "emptied-before-the-exit",
    file: command,
    from: "await exit;",
    to: "",
    falls: { file: commandTest, titles: "kill.. answers each order with one emptied" },
    note: "the code would be lost where the tree is empty first",
  },
  {
    name: "bug-spares-the-tree",
    file: "src/node/host.js",
    from: "        command.kill();\n    }\n    async function leave",
    to: "        void leave(broken);\n    }\n    async function leave",
    falls: { file: faults, titles: "P15 an uncaught exception while leading" },
  },
  {
    name: "bug-counts-as-success",
    file: "src/node/host.js",
    from: "void leave(broken);",
    to: "void leave(0);",
    falls: { file: faults, titles: "P15 an uncaught exception while following" },
  },
  {
    name: "orphans-denied",
    file: "src/node/facts.js",
    from: "treeDiesWithHost: isPid1",
    to: "treeDiesWithHost: true",
    falls: { file: "test/hosts/signals.test.js", titles: "P13 not as PID 1" },
  },
  {
    name: "become-keeps-signals",
    file: "src/node/command/become.js",
    from: "if (!isFromTerminal)",
    to: "if (false)",
    falls: { file: "test/hosts/drop-in.test.js", titles: "P19 SIGTERM reaches" },
  },
  {
    name: "death-becomes-a-code",
    file: "src/node/command/ending.js",
    from: "process.kill(process.pid, number);",
    to: "",
    falls: { file: "test/hosts/drop-in.test.js", titles: "P19 death by SIGSEGV" },
  },
];

export const commandMutants: readonly Mutant[] = [...guardMutants, ...treeMutants, ...endMutants];
