/** A real run, recorded and played again; and that recording harms nobody, whatever the file is. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { instant } from "../../src/core/protocol.ts";
import { record } from "../../src/core/recording.ts";
import { needsPidNamespace, until } from "../support/processes.ts";
import { type Bin, scratchFolder } from "./bin.ts";
import { assertReleases, calm, type Cluster, openCluster } from "./cluster.ts";
import { complaints } from "./mistakes.ts";

const replayTool = fileURLToPath(new URL("../../src/replay.js", import.meta.url));
const argv = ["sh", "-c", "echo runs; exec sleep 60"];

interface Played {
  readonly code: number | null;
  readonly output: string;
  readonly problem: string;
}

/** Not waited for in one go: the API server of the other tests is in this process. */
function play(...files: readonly string[]): Promise<Played> {
  return new Promise((resolve) => {
    const words = [replayTool, ...files];
    const child = execFile(
      process.execPath,
      words,
      { maxBuffer: 1 << 28 },
      (_, output, problem) => {
        resolve({ code: child.exitCode, output, problem });
      },
    );
  });
}

function linesOf(file: string): string[] {
  return readFileSync(file, "utf8").split("\n").filter(Boolean);
}

describe("recording", { concurrency: 2, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  function start(t: TestContext, lease: string, file: string, before: string[] = []): Promise<Bin> {
    const env = {
      ...calm,
      K8S_AWAIT_ELECTION_RECORD: file,
      K8S_AWAIT_ELECTION_LOG_LEVEL: "debug",
    };
    return cluster.start(t, { lease, argv, env, before });
  }

  /** Claims, leads, renews, is asked to stop, and lets go. */
  async function lead(t: TestContext, lease: string, file: string, before?: string[]) {
    const bin = await start(t, lease, file, before);
    await bin.output.first(/^runs/);
    await cluster.renewals(lease, 2);
    bin.signal("SIGTERM");
    assert.deepEqual(await bin.ended, { code: 143, signal: null });
    return bin;
  }

  it("a run from claim to release is verified to its last order", async (t) => {
    const file = join(scratchFolder(t), "record.jsonl");
    const bin = await lead(t, "whole", file);
    assertReleases(cluster, "whole", 1);
    const { code, output, problem } = await play(file);
    assert.deepEqual({ code, problem }, { code: 0, problem: "" });
    const steps = linesOf(file).length - 1;
    assert.match(output, new RegExp(`\\n# verified: 1 runs, ${steps} steps\\n$`));
    const told = output.split("\n");
    const parts = [
      /^facts \{.*"K8S_AWAIT_ELECTION_LOCK_NAME":"whole"/,
      /^begin$/,
      /^< request lease-\d+ GET leases\/whole$/,
      /^> \{"type":"answered","id":"lease-\d+","status":404/,
      /^< request lease-\d+ POST leases/,
      /^> answered lease-\d+ 201 \{"rv":"\d+",.*"holder":"one"/,
      /^< guard at \d+ \(\+\d+\)$/,
      /^> guardReady \d+$/,
      /^< start \{"K8S_AWAIT_ELECTION_FENCING_TOKEN"/,
      /^> started \d+$/,
      /^@ \d+ tick$/,
      /^> signalled SIGTERM$/,
      /^> \{"type":"exited","signal":"SIGTERM"\}$/,
      /^> emptied$/,
      /^< request lease-\d+ PUT .*"holderIdentity":""/,
      /^< print .*released the lease/,
      /^< \{"type":"exit","code":143\}$/,
    ];
    let at = 0;
    for (const part of parts) {
      const found = told.findIndex((line, index) => index >= at && part.test(line));
      assert.notEqual(found, -1, `no ${part} from line ${at} on in\n${output}`);
      at = found + 1;
    }
    // What the log says is what the transcript says.
    const printed = told.filter((line) => line.startsWith("< print ")).map((line) => line.slice(8));
    assert.deepEqual(printed, bin.log.all.map((line) => line.slice(25)).filter(Boolean));
  });

  it("a recording that was changed fails at the line, and garbage is none", async (t) => {
    const folder = scratchFolder(t);
    const file = join(folder, "record.jsonl");
    await lead(t, "tampered", file);
    const lines = linesOf(file);
    const write = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };

    const at = lines.findIndex(
      (line) => line.includes('"answered"') && line.includes('"status":201'),
    );
    const other = lines.with(at, lines[at]!.replace('"status":201', '"status":409'));
    const changed = await play(write("changed", `${other.join("\n")}\n`));
    assert.equal(changed.code, 1);
    const where = `${join(folder, "changed")}:${at + 1}: the orders differ\nrecorded `;
    assert.ok(changed.problem.includes(where), changed.problem);
    assert.match(changed.problem, /\ncomputed orders of digest [0-9a-f]{16}\n< /);

    const cut = await play(write("cut", lines.join("\n").slice(0, -20)));
    assert.deepEqual([cut.code, cut.problem], [0, ""]);
    assert.match(cut.output, new RegExp(`cut:${lines.length} is cut: the process ended`));

    for (const [text, problem] of [
      ["", /the end: nothing is recorded/],
      ["\u0000\u0001garbage\n", /garbage:1: not a JSON object/],
      [`${lines[0]}\nhello\n`, /garbage:2: not a JSON object/],
      [`${lines[1]}\n`, /garbage:1: a step of a program that is not known/],
      ['{"recording":2}\n', /garbage:1: a recording of format 2/],
    ] as const) {
      const garbage = await play(write("garbage", text));
      assert.equal(garbage.code, 2, text);
      assert.match(garbage.problem, problem);
    }
    const missing = await play(join(folder, "nowhere"));
    assert.equal(missing.code, 2);
    assert.match(missing.problem, /^k8s-await-election-replay: ENOENT/);
    assert.equal((await play()).code, 2);
  });

  it("a process that is killed, and the next one in the same file", async (t) => {
    const file = join(scratchFolder(t), "record.jsonl");
    const killed = await start(t, "killed", file);
    await killed.output.first(/^runs/);
    await until(() => linesOf(file).length > 5, "its lines are written");
    killed.signal("SIGKILL");
    await killed.ended;
    cluster.removeLease("killed");
    await lead(t, "killed", file);
    const { code, output, problem } = await play(file);
    assert.deepEqual({ code, problem }, { code: 0, problem: "" });
    assert.match(output, /\n# verified: 2 runs, /);
    assert.equal(output.split("\n").filter((line) => line === "begin").length, 2);
  });

  it("a full file is followed by one that can be played alone", async (t) => {
    const file = join(scratchFolder(t), "record.jsonl");
    writeFileSync(file, longRun());
    await lead(t, "rotated", file);
    assert.match(linesOf(file)[0]!, /^\{"recording":1,"version":"[\d.]+","program":\{/);
    const both = await play(file);
    assert.deepEqual([both.code, both.problem], [0, ""]);
    assert.match(both.output, /\n# verified: 2 runs, /);
    // Named or not, the older part is read once, and first.
    assert.deepEqual(await play(file, `${file}.1`), both);
    const alone = join(scratchFolder(t), "alone.jsonl");
    writeFileSync(alone, readFileSync(file));
    const second = await play(alone);
    assert.deepEqual([second.code, second.problem], [0, ""]);
    assert.match(second.output, /\n# goes on from the state in the file\n/);
    assert.match(second.output, /\n# verified: 1 runs, /);
  });

  const useless: readonly (readonly [what: string, file: (t: TestContext) => string])[] = [
    ["a FIFO without a reader", makeFifo],
    ["a full device", () => "/dev/full"],
    ["a folder that is missing", (t) => join(scratchFolder(t), "no", "record")],
  ];
  for (const [what, fileOf] of useless) {
    it(`${what}: one warning, and everything else as ever`, async (t) => {
      const lease = what.replaceAll(/\W+/g, "-").toLowerCase();
      const bin = await lead(t, lease, fileOf(t));
      assertReleases(cluster, lease, 1);
      const said = complaintsOfRecording(bin);
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(said[0]!, / WARN {2}recording is off file=\S+ problem=/);
    });
  }

  it(
    "a disk that fills up: one warning, and everything else as ever",
    needsPidNamespace(),
    async (t) => {
      const folder = scratchFolder(t);
      const script = `mount -t tmpfs -o size=4k none ${folder} && exec "$@"`;
      const before = ["unshare", "--mount", "sh", "-c", script, "sh"];
      const bin = await lead(t, "full-disk", join(folder, "record"), before);
      assertReleases(cluster, "full-disk", 1);
      const said = complaintsOfRecording(bin);
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(said[0]!, / WARN {2}recording is off file=\S+ problem=ENOSPC$/);
    },
  );
});

function complaintsOfRecording(bin: Bin): readonly string[] {
  return complaints(bin).filter((line) => line.includes("record"));
}

function makeFifo(t: TestContext): string {
  const file = join(scratchFolder(t), "fifo");
  const made = spawnSync("mkfifo", [file], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  return file;
}

/** A recording of one start that fills a file. */
function longRun(): string {
  const lines: string[] = [];
  const tape = { append: (line: string) => lines.push(line), isFull: () => false, turn: () => {} };
  const facts = {
    seed: 1,
    incarnation: "a",
    variables: { K8S_AWAIT_ELECTION_PADDING: "x".repeat(1 << 24) },
    hasCommand: false,
    hostName: "h",
    isPid1: false,
    abilities: { treeDiesWithHost: true, reapsOrphans: false, soleHolder: false },
  };
  record("0.0.1", tape).begin(facts, { instant: instant(0), wallMs: 0 });
  return `${lines.join("\n")}\n`;
}
