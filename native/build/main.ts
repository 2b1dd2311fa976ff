/**
 * `npm run build:native [-- amd64 arm64]`: one static file for each architecture in `dist/native`,
 * this machine's unless told, with their checksums, their licences and what they are made of.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeFiles } from "./describe.ts";
import { writeModules } from "./modules.ts";
import { type Arch, findToolchain, type Toolchain } from "./toolchain.ts";

const root = join(import.meta.dirname, "../../..");
const folder = join(root, "dist/native");
const own: Arch = process.arch === "arm64" ? "arm64" : "amd64";

process.exitCode = main(process.argv.slice(2));

function main(words: readonly string[]): number {
  const archs = words.length === 0 ? [own] : words.filter(isArch);
  if (archs.length < words.length) {
    say(`Cannot build for ${words.join(" ")}: the architectures are amd64 and arm64`);
    return 64;
  }
  const modules = writeModules(root, join(folder, "modules"));
  say(`${modules.length} modules of the program`);
  const built = Object.fromEntries(archs.map(build));
  describeFiles({ root, folder, built });
  const sums = Object.keys(built)
    .map((file) => `${sha256(join(folder, file))}  ${file}\n`)
    .join("");
  writeFileSync(join(folder, "SHA256SUMS"), sums);
  process.stdout.write(sums);
  return 0;
}

/** Returns the name of the file, and how it was built. */
function build(arch: Arch): [name: string, toolchain: Toolchain] {
  const startedAt = performance.now();
  const toolchain = findToolchain({ arch, root, folder: join(folder, "unwinder") });
  const { cargo, env, target } = toolchain;
  const built = spawnSync("cargo", [...cargo, "--release", "--locked", "--target", target], {
    cwd: join(root, "native"),
    env: { ...process.env, ...env, CARGO_TARGET_DIR: join(folder, "target") },
    stdio: "inherit",
  });
  if (built.status !== 0) throw new Error(`cargo ended with ${built.status ?? built.signal}`);
  const name = `k8s-await-election-linux-${arch}`;
  const file = join(folder, name);
  copyFileSync(join(folder, "target", target, "release/k8s-await-election"), file);
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  say(`${name}: ${readFileSync(file).length} bytes in ${seconds} s`);
  return [name, toolchain];
}

function isArch(word: string): word is Arch {
  return word === "amd64" || word === "arm64";
}

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
