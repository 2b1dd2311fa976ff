/**
 * The npm packages as somebody installs them: packed, put into a scratch folder without a registry, and
 * started by the word that npm makes of them.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { temporaryFolder } from "../support/processes.ts";
import { copyBuilt, manifest, pack } from "./artefacts.ts";

const name = "k8s-await-election";
const platform = `${name}-linux-${process.arch}`;

/** Says that it is Node, under which id, and what it was asked. */
const strayNode = '#!/bin/sh\necho "node $$ $*"\n';

describe("the packages", { timeout: 120_000 }, () => {
  /** The files to install, by the name of the package. */
  let tarballs: Readonly<Record<string, string>>;
  let nodeFolder: string;
  const folder = mkdtempSync(join(tmpdir(), "await-election-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  before(() => {
    copyBuilt(folder);
    pack("packages", folder);
    const names = readdirSync(join(folder, "packages"));
    tarballs = Object.fromEntries(
      names.map((one) => [one, packFolder(join(folder, "packages", one), folder)]),
    );
    nodeFolder = join(folder, "node");
    mkdirSync(nodeFolder);
    writeFileSync(join(nodeFolder, "node"), strayNode);
    chmodSync(join(nodeFolder, "node"), 0o755);
  });

  it("are needed by the published main package alone, or `npm ci` here would miss them", () => {
    assert.equal(manifest.optionalDependencies, undefined);
    const text = execFileSync("tar", ["-xzOf", tarballs[name]!, "package/package.json"]).toString();
    const packed = JSON.parse(text) as typeof manifest & Record<string, unknown>;
    const platforms = Object.keys(tarballs).filter((one) => one !== name);
    assert.ok(platforms.includes(platform));
    assert.deepEqual(
      packed.optionalDependencies,
      Object.fromEntries(platforms.map((one) => [one, manifest.version])),
    );
    assert.equal(packed["devDependencies"], undefined);
    assert.equal(packed["scripts"], undefined, "nothing runs when it is installed");
  });

  it("start the native file where npm has brought it", (t) => {
    const bin = install(t, [name, platform]);
    assertNative(bin(name));
    assert.equal(bin(platform)("--version").output, `${manifest.version}\n`);
  });

  it("start the native file in the package's own node_modules", (t) => {
    const run = install(t, [name, platform])(name);
    const modules = join(dirname(run.file), "..");
    mkdirSync(join(modules, name, "node_modules"));
    renameSync(join(modules, platform), join(modules, name, "node_modules", platform));
    assertNative(run);
  });

  it("start Node where there is no file for the platform", (t) => {
    const run = install(t, [name])(name);
    const { pid, output } = run("--version");
    assert.match(output, new RegExp(`^node ${pid} \\S.*/dist/src/cli\\.js --version\n$`, "u"));
    const words = run("a b", "", "*", "$(c)").output;
    assert.ok(words.endsWith("/dist/src/cli.js a b  * $(c)\n"), words);
    const real = run.asIs("--version");
    assert.equal(real.output, `${manifest.version}\n`);
  });

  it("start the Node host by its own word", (t) => {
    const run = install(t, [name, platform])(`${name}-node`);
    assert.equal(run.asIs("--version").output, `${manifest.version}\n`);
  });

  it("are found through links, relative ones and chains of them", (t) => {
    const bin = install(t, [name, platform]);
    const folder = temporaryFolder(t);
    symlinkSync(bin(name).file, join(folder, "absolute"));
    symlinkSync("absolute", join(folder, "chain"));
    const options = { cwd: folder, encoding: "utf8", env: environment(nodeFolder) } as const;
    for (const file of ["./chain", "sh ./chain", "sh chain"]) {
      const [word = "", ...words] = file.split(" ");
      const { stdout } = spawnSync(word, [...words, "--version"], options);
      assert.equal(stdout, `${manifest.version}\n`, file);
    }
  });

  interface Run {
    /** With a program in the place of Node that only tells. */
    (...words: string[]): { readonly pid: number; readonly output: string };
    /** With the Node of this machine. */
    asIs(...words: string[]): { readonly output: string };
    readonly file: string;
  }

  /** Into a folder with a space in its name; answers with what starts one of its programs. */
  function install(t: TestContext, packages: readonly string[]): (word: string) => Run {
    const folder = join(temporaryFolder(t), "a folder");
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), "{}");
    const files = packages.map((one) => tarballs[one]!);
    npm(folder, ["install", "--offline", "--ignore-scripts", ...files]);
    return (word) => {
      const file = join(folder, "node_modules/.bin", word);
      const start = (words: readonly string[], env: NodeJS.ProcessEnv) => {
        const { pid, stdout, stderr, status } = spawnSync(file, words, { encoding: "utf8", env });
        assert.equal(status, 0, stderr);
        return { pid, output: stdout };
      };
      return Object.assign((...words: string[]) => start(words, environment(nodeFolder)), {
        asIs: (...words: string[]) => start(words, environment()),
        file,
      });
    };
  }
});

/** The process that npm's link starts is the native file, and then the command: never a child of it. */
function assertNative(run: (...words: string[]) => { pid: number; output: string }): void {
  assert.equal(run("--version").output, `${manifest.version}\n`);
  const { pid, output } = run("--", "sh", "-c", "echo $$ $1", "sh", "a b");
  assert.equal(output, `${pid} a b\n`);
}

function environment(...before: string[]): NodeJS.ProcessEnv {
  return { PATH: [...before, process.env["PATH"]].join(":") };
}

function packFolder(folder: string, target: string): string {
  const words = ["pack", "--json", "--ignore-scripts", `--pack-destination=${target}`];
  const [packed] = JSON.parse(npm(folder, words)) as readonly { readonly filename: string }[];
  return join(target, packed!.filename);
}

/** With a cache of its own, so that nothing is found there which a user might not have. */
function npm(cwd: string, words: readonly string[]): string {
  const env = {
    PATH: process.env["PATH"],
    HOME: cwd,
    npm_config_cache: join(cwd, "../npm-cache"),
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false",
  };
  return execFileSync("npm", words, {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}
