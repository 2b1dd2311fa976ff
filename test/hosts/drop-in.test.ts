/** Row P19: without an election nothing differs from the command alone, but for the pid. */
import assert from "node:assert/strict";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type Bin,
  type BinOptions,
  isNodeHost,
  startBare,
  startBin,
  scratchFolder,
} from "./bin.ts";

const reporter = fileURLToPath(new URL("./reporter-command.js", import.meta.url));

/** What goes in is hard to carry; whatever carries it wrong shows. */
const hardWords = [
  "",
  " ",
  "a b",
  "$HOME",
  "*",
  "'",
  '"',
  "\\",
  "-x",
  "--",
  "--help",
  "tab\t",
  "ä€😀",
  "\n",
];

const missing = [
  { what: "missing", code: 127 },
  { what: "data", code: 126 },
  { what: "folder", code: 126 },
] as const;

const refusedVariables = [
  "LOCK_NAMESPACE",
  "LOCK_NAME",
  "NAME",
  "STOP_TIMEOUT",
  "STATUS_ENDPOINT",
  "POD_IP",
  "SERVICE_PORTS_JSON",
];

interface Found {
  readonly argv: string;
  readonly environment: string;
}

describe("not enabled", { concurrency: 4, timeout: 100_000 }, () => {
  it("P19 words, environment, folder, umask, limits and input are those of the command alone", async (t) => {
    const cwd = scratchFolder(t);
    const options: BinOptions = {
      argv: [process.execPath, reporter, ...hardWords],
      cwd,
      env: {
        EMPTY: "",
        HARD: "a=b c\n'\"\\ä€😀",
        lower: "case",
        "odd.name-1": "x",
        K8S_AWAIT_ELECTION_ENABLED: "",
        K8S_AWAIT_ELECTION_NAME: "kept",
      },
      before: ["sh", "-c", 'umask 027; ulimit -n 200; exec nice -n 3 "$@"', "sh"],
    };
    const file = `${cwd}/input`;
    writeFileSync(file, Buffer.alloc(300_000, "input\0\xff", "latin1"));
    const [alone, inside] = await Promise.all([
      report(await startBare(t, withInput(t, file, options))),
      report(await startBin(t, withInput(t, file, options))),
    ]);
    assert.deepEqual({ ...inside, environment: "" }, { ...alone, environment: "" });
    assert.equal(withoutTestRun(inside.environment), withoutTestRun(alone.environment));
  });

  it("P19 bytes that are no UTF-8 pass unchanged", {
    skip: isNodeHost && "Node reads words and variables as UTF-8 and keeps nothing else",
  }, async (t) => {
    const script = 'X="$(printf "\\377")" exec "$@" "$(printf "a\\376b")"';
    const options = {
      argv: [process.execPath, reporter],
      before: ["sh", "-c", script, "sh"],
    };
    const alone = await report(await startBare(t, options));
    const inside = await report(await startBin(t, options));
    assert.equal(inside.argv, alone.argv);
    assert.equal(withoutTestRun(inside.environment), withoutTestRun(alone.environment));
  });

  it("P19 open descriptors beyond the standard ones are inherited", {
    skip: isNodeHost && "Node closes them for its children",
  }, async (t) => {
    const before = ["sh", "-c", 'exec 3<<"END"; exec "$@"\nthree\nEND\n', "sh"];
    const bin = await startBin(t, { argv: ["cat", "/proc/self/fd/3"], before });
    assert.deepEqual(await bin.ended, { code: 0, signal: null });
    assert.equal(bin.output.text, "three\n");
  });

  it("P19 what comes in goes out, byte for byte", async (t) => {
    const bytes = Buffer.from(Array.from({ length: 1 << 20 }, (_, at) => (at * 7919) & 0xff));
    const file = `${scratchFolder(t)}/input`;
    writeFileSync(file, bytes);
    const options = () => withInput(t, file, { argv: ["sha256sum"] });
    const [alone, inside] = [await startBare(t, options()), await startBin(t, options())];
    assert.deepEqual(await inside.ended, { code: 0, signal: null });
    await alone.ended;
    assert.equal(inside.output.text, alone.output.text);
  });

  it("P19 nothing of our own is said", async (t) => {
    const bin = await startBin(t, { argv: ["sh", "-c", "echo out; echo err >&2"] });
    await bin.ended;
    assert.deepEqual([bin.output.text, bin.log.text], ["out\n", "err\n"]);
  });

  for (const code of [0, 1, 42, 127, 255]) {
    it(`P19 exit code ${code} is the command's`, async (t) => {
      const bin = await startBin(t, { argv: ["sh", "-c", `exit ${code}`] });
      assert.deepEqual(await bin.ended, { code, signal: null });
    });
  }

  for (const name of ["SIGTERM", "SIGKILL", "SIGSEGV", "SIGPIPE", "SIGINT"] as const) {
    it(`P19 death by ${name} is a death by ${name}`, async (t) => {
      const script = `ulimit -c 0; kill -${constants.signals[name]} $$`;
      const bin = await startBin(t, { argv: ["sh", "-c", script], cwd: scratchFolder(t) });
      assert.deepEqual(await bin.ended, { code: null, signal: name });
    });
  }

  for (const name of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGWINCH"] as const) {
    it(`P19 ${name} reaches the command`, async (t) => {
      const script = `trap 'echo got; exit 5' ${name.slice(3)}; echo ready; while :; do sleep 0.02; done`;
      const bin = await startBin(t, { argv: ["sh", "-c", script] });
      await bin.output.first(/^ready/);
      bin.signal(name);
      assert.deepEqual(await bin.ended, { code: 5, signal: null });
      assert.deepEqual(bin.output.all, ["ready", "got"]);
    });
  }

  it("P19 our own options end where the command begins", async (t) => {
    const after = await startBin(t, { argv: ["--", "echo", "--help", "--"] });
    assert.deepEqual([(await after.ended).code, after.output.text], [0, "--help --\n"]);
    const help = await startBin(t, { argv: ["--help"] });
    assert.equal((await help.ended).code, 0);
    assert.match(help.output.text, /^k8s-await-election \[--help \| --version/);
    const unknown = await startBin(t, { argv: ["--unknown", "echo"] });
    assert.equal((await unknown.ended).code, 64);
  });

  it("P19 no command is an error, enabled or not", async (t) => {
    for (const env of [{}, { K8S_AWAIT_ELECTION_ENABLED: "1" }] as const) {
      const bin = await startBin(t, { argv: [], env });
      assert.deepEqual(await bin.ended, { code: 1, signal: null });
      assert.match(bin.log.text, /no command given: use k8s-await-election COMMAND/);
    }
  });

  for (const { what, code } of missing) {
    it(`P7 ${what} ends with ${code}`, async (t) => {
      const folder = scratchFolder(t);
      writeFileSync(`${folder}/data`, "echo no\n");
      const argv = { missing: [`${folder}/missing`], data: [`${folder}/data`], folder: [folder] }[
        what
      ];
      const bin = await startBin(t, { argv });
      assert.deepEqual(await bin.ended, { code, signal: null });
      assert.match(bin.log.text, /Cannot start/);
    });
  }

  it("X11 settings that cannot be used are refused with 64, all of them at once", async (t) => {
    const env = {
      K8S_AWAIT_ELECTION_ENABLED: "1",
      K8S_AWAIT_ELECTION_LOCK_NAME: "Upper",
      K8S_AWAIT_ELECTION_IDENTITY: "one",
      K8S_AWAIT_ELECTION_STOP_TIMEOUT: "soon",
      K8S_AWAIT_ELECTION_STATUS_ENDPOINT: "9999",
      K8S_AWAIT_ELECTION_SERVICE_NAME: "web",
    };
    const bin = await startBin(t, { argv: ["echo", "started"], env });
    assert.deepEqual(await bin.ended, { code: 64, signal: null });
    assert.equal(bin.output.text, "");
    for (const name of refusedVariables)
      assert.match(bin.log.text, new RegExp(`ELECTION_${name} `));
  });
});

async function report(bin: Bin): Promise<Found> {
  assert.deepEqual(await bin.ended, { code: 3, signal: null }, bin.log.text);
  return JSON.parse(bin.output.text) as Found;
}

/** The same options with a file as standard input, opened anew: its offset would be shared. */
function withInput(t: TestContext, file: string, options: BinOptions): BinOptions {
  const descriptor = openSync(file, "r");
  t.after(() => closeSync(descriptor));
  return { ...options, stdio: [descriptor, "pipe", "pipe"] };
}

/** The bytes of an environment without the variable by which the tests tell their runs apart. */
function withoutTestRun(environment: string): string {
  return Buffer.from(environment, "base64")
    .toString("latin1")
    .replace(/AWAIT_ELECTION_TEST_RUN=[-\w]+\0/, "");
}
