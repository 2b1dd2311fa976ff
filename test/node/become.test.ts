import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import {
  contentOf,
  needsPidNamespace,
  startSupervisor,
  temporaryFolder,
  until,
} from "../support/processes.ts";

test("P19 become() runs the command in the host's session and ends as it ends", async (t) => {
  const folder = temporaryFolder(t);
  const env = { ...process.env, DIR: folder };
  const ends: readonly (readonly [string, unknown])[] = [
    ["exit 42", { code: 42, signal: null }],
    ["kill -TERM $$", { code: null, signal: "SIGTERM" }],
    ["kill -PIPE $$", { code: null, signal: "SIGPIPE" }],
    ["ulimit -c 0; kill -XFSZ $$", { code: null, signal: "SIGXFSZ" }],
    ["kill -KILL $$", { code: null, signal: "SIGKILL" }],
  ];
  for (const [script, end] of ends) {
    const supervisor = await startSupervisor(t, { argv: ["sh", "-c", script], env });
    supervisor.order({ type: "become" });
    assert.deepEqual(await supervisor.ended, end, script);
  }
});

test(
  "P19 become() passes signals on and ends as PID 1 with 128 and the signal",
  needsPidNamespace(),
  async (t) => {
    const folder = temporaryFolder(t);
    const env = { ...process.env, DIR: folder };
    const script = `trap 'echo got; exit 3' USR1; echo 1 > $DIR/ready; while :; do sleep 0.01; done`;
    const passing = await startSupervisor(t, { argv: ["sh", "-c", script], env });
    passing.order({ type: "become" });
    await until(() => contentOf(join(folder, "ready")) !== "", "the command is ready");
    process.kill(passing.child.pid!, "SIGUSR1");
    assert.deepEqual(await passing.ended, { code: 3, signal: null });
    const first = await startSupervisor(t, {
      argv: ["sh", "-c", "sh -c 'kill -9 $PPID'; exit 137"],
      asPid1: true,
    });
    first.order({ type: "become" });
    assert.deepEqual(await first.ended, { code: 137, signal: null });
  },
);
