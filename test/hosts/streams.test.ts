/** Rows F1 and F3: whatever the standard streams are, the leader leads and the command gets them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync, writeFileSync, writeSync } from "node:fs";
import { after, before, describe, it, type TestContext } from "node:test";
import { contentOf, until } from "../support/processes.ts";
import { type BinOptions, startBare, scratchFolder } from "./bin.ts";
import { assertReleases, calm, type Cluster, openCluster } from "./cluster.ts";
import { untilTree } from "./observer.ts";

interface Output {
  readonly what: string;
  /** The command writes to both outputs without end. */
  readonly floods: boolean;
  open(t: TestContext): Pick<BinOptions, "stdio" | "before" | "unread">;
}

/**
 * Fills both outputs to the last byte: a writer that waits is woken late, so that a new one finds room
 * where the test's own end has read ahead.
 */
const flood = [
  "sh",
  "-c",
  "while :; do timeout 0.1 yes; timeout 0.1 yes >&2; done & exec sleep 60",
];

const outputs: readonly Output[] = [
  {
    what: "both outputs closed",
    floods: false,
    open: () => ({ before: ["sh", "-c", 'exec >&- 2>&-; exec "$@"', "sh"] }),
  },
  {
    what: "a full device",
    floods: false,
    open: () => ({ before: ["sh", "-c", 'exec >/dev/full 2>/dev/full; exec "$@"', "sh"] }),
  },
  {
    what: "a full pipe that nobody reads",
    floods: true,
    open: (t) => {
      const { writer } = openPipe(t, "full");
      return { stdio: ["ignore", writer, writer] };
    },
  },
  {
    what: "a pipe without a reader",
    floods: false,
    open: (t) => {
      const { writer } = openPipe(t, "broken");
      return { stdio: ["ignore", writer, writer] };
    },
  },
  {
    // Node connects a child by a pair of sockets.
    what: "a socket that nobody reads",
    floods: true,
    open: () => ({ unread: true }),
  },
];

/** A blocking end of a pipe for a child; unless told, its reader never reads and has room. */
function openPipe(t: TestContext, state?: "full" | "broken"): { readonly writer: number } {
  const path = `${scratchFolder(t)}/pipe`;
  const made = spawnSync("mkfifo", [path]);
  assert.equal(made.status, 0, String(made.stderr));
  const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  t.after(() => closeSync(writer));
  if (state === "broken") closeSync(both);
  else t.after(() => closeSync(both));
  if (state === "full") assert.throws(() => writeForEver(both), /EAGAIN/);
  return { writer };
}

function writeForEver(descriptor: number): never {
  for (;;) writeSync(descriptor, Buffer.alloc(4096));
}

describe("standard streams", { concurrency: 4, timeout: 100_000 }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await openCluster();
  });
  after(() => cluster.close());

  for (const output of outputs) {
    it(`F1 ${output.what}: it renews, and ends when told`, async (t) => {
      const lease = output.what.replaceAll(/\W+/g, "-").toLowerCase();
      const env = { ...calm, K8S_AWAIT_ELECTION_LOG_LEVEL: "debug" };
      const argv = output.floods ? flood : ["sleep", "60"];
      const bin = await cluster.start(t, { lease, argv, env, ...output.open(t) });
      await untilTree(lease, (tree) => tree.length > 0, "the command runs");
      await cluster.renewals(lease, 3);
      assert.equal(cluster.seen(lease, "claim").length, 1);
      bin.signal("SIGTERM");
      assert.equal((await bin.ended).code, 143);
      assertReleases(cluster, lease, 1);
    });
  }

  it("F1 the command's outputs block as they did, and stay open", async (t) => {
    const lease = "blocking";
    const pipe = openPipe(t);
    const file = `${scratchFolder(t)}/flags`;
    const script = `flags() { sed -n s/flags://p /proc/self/fdinfo/$1 | tr -d '\\t' >>"${file}"; }
      flags 1; flags 2; trap 'flags 1; flags 2; exit 0' TERM; while :; do sleep 0.02; done`;
    const bin = await cluster.start(t, {
      lease,
      argv: ["sh", "-c", script],
      stdio: ["ignore", pipe.writer, pipe.writer],
    });
    await until(() => contentOf(file).split("\n").length > 2, "the command runs");
    await cluster.renewals(lease, 2);
    bin.signal("SIGTERM");
    assert.equal((await bin.ended).code, 0);
    const flags = contentOf(file).trim().split("\n");
    assert.equal(flags.length, 4);
    for (const octal of flags) {
      assert.equal(Number.parseInt(octal, 8) & constants.O_NONBLOCK, 0, "it blocks");
    }
  });

  it("F1 a terminal: the command has it, and the leader renews", async (t) => {
    const lease = "terminal";
    // `script` gives what it runs a terminal of its own, and passes its output on.
    const before = ["sh", "-c", 'exec script -qec "$(printf " %s" "$@")" /dev/null', "sh"];
    const argv = ["sh", "-c", "'tty && echo it is; sleep 60'"];
    const bin = await cluster.start(t, { lease, argv, before, stdio: ["pipe", "pipe", "pipe"] });
    await bin.output.first(/^it is/);
    await cluster.renewals(lease, 2);
  });

  it("F3 a file is the command's input", async (t) => {
    const file = `${scratchFolder(t)}/input`;
    writeFileSync(file, "one\ntwo\n");
    const input = openSync(file, "r");
    t.after(() => closeSync(input));
    const bin = await cluster.start(t, {
      lease: "from-file",
      argv: ["cat"],
      stdio: [input, "pipe", "pipe"],
    });
    assert.equal((await bin.ended).code, 0);
    assert.equal(bin.output.text, "one\ntwo\n");
  });

  it("F3 a closed input does no harm", async (t) => {
    const bin = await cluster.start(t, {
      lease: "no-input",
      argv: ["sh", "-c", "cat; echo end"],
      before: ["sh", "-c", 'exec <&-; exec "$@"', "sh"],
    });
    assert.equal((await bin.ended).code, 0);
    assert.match(bin.output.text, /end\n$/);
  });

  it("F3 a huge input arrives whole", async (t) => {
    const lease = "huge-input";
    const bin = await cluster.start(t, {
      lease,
      argv: ["sha256sum"],
      before: ["sh", "-c", 'yes | head -c 200000000 | "$@"', "sh"],
    });
    assert.equal((await bin.ended).code, 0);
    const expected = await startBare(t, {
      argv: ["sh", "-c", "yes | head -c 200000000 | sha256sum"],
    });
    await expected.ended;
    assert.equal(bin.output.text, expected.output.text);
    assertReleases(cluster, lease, 1);
  });
});
