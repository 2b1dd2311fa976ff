/** How late the last of many processes is dead, once its deadline has come. */
import { execFileSync, spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { nowMs } from "../../test/faults/series-group.ts";
import { scratchFolder } from "../../test/hosts/bin.ts";
import { endProcess } from "../../test/support/processes.ts";
import type { Scenario } from "../scenario.ts";
import { Team } from "../team.ts";

const processes = 200;

/** Busy loops for each processor, where the machine is to be starved. */
const overcommit = 3;

/** All ignore SIGTERM, and hold the pipe $0 open until the last of them is dead. */
const crowd = `trap '' TERM; exec 3>"$0"
for i in $(seq ${processes}); do sleep 3600 <&- >/dev/null 2>&1 & done
wait`;

export const killing: readonly Scenario[] = [false, true].map((isStarved) => ({
  name: isStarved ? "kill, starved" : "kill",
  about:
    `The command is ${processes} processes that ignore SIGTERM, and its leader is cut off: from H, by the ` +
    "record's own renewTime, to the end of the last of them" +
    (isStarved ? `, beside ${overcommit} busy loops for each processor.` : "."),
  lane: "alone",
  rounds: { full: 10, quick: isStarved ? 0 : 1 },
  isTimeless: true,
  takes: ({ kind }) => kind === "entry point",
  async play(part) {
    const { scope, stage, profile } = part;
    const pipe = join(scratchFolder(scope), "pipe");
    execFileSync("mkfifo", [pipe]);
    const ended = untilClosed(pipe);
    const team = await Team.open(scope, stage, { ...part, command: ["sh", "-c", crowd, pipe] });
    const leader = await team.startSettled(1, { isProxied: true });
    const loops = isStarved ? busyLoops() : [];
    scope.after(() => loops.forEach(endProcess));
    team.proxyOf(leader).cut();
    const endedAtMs = await ended;
    const renewed = team.view.sights.findLast(({ holder }) => holder === leader.identity);
    if (renewed === undefined) throw new Error("Cannot find the last renewal.");
    const deadlineMs = renewed.renewedAtMs + profile.timing.killMs;
    return { figures: { "H → last of 200 dead, ms": [endedAtMs - deadlineMs] } };
  },
}));

/** When nobody holds the other end any more; somebody has to have held it before. */
function untilClosed(pipe: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = createReadStream(pipe);
    stream.once("error", reject);
    stream.once("end", () => resolve(nowMs()));
    stream.resume();
  });
}

/** They end with this process at the latest. */
function busyLoops(): number[] {
  return Array.from({ length: overcommit * availableParallelism() }, () => {
    const words = ["--pdeathsig", "KILL", "--", "sh", "-c", "while :; do :; done"];
    return spawn("setpriv", words, { stdio: "ignore" }).pid ?? 0;
  });
}
