/**
 * What stands below the crates in a native file: the engine, the standard library of Rust, the C
 * library, and what the linker adds. Each version is asked from the tool that brings it.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Crates } from "./crates.ts";
import type { Part } from "./parts.ts";
import type { Toolchain } from "./toolchain.ts";

interface Options {
  /** The root of the project. */
  readonly root: string;
  readonly toolchain: Toolchain;
  readonly crates: Crates;
}

export interface Runtimes {
  readonly engine: Part;
  readonly others: readonly Part[];
}

export function readRuntimes({ root, toolchain, crates }: Options): Runtimes {
  const carried = (...names: string[]): string[] =>
    names.map((name) => readFileSync(join(root, "native/licenses", `${name}.txt`), "utf8"));
  const linker =
    toolchain.cargo[0] === "zigbuild" ? linkedByZig(carried) : linkedByGcc(toolchain, carried);
  return {
    engine: readEngine(crates.folderOf("rquickjs-sys")),
    others: [standardLibrary(toolchain, carried), ...linker],
  };
}

type Carried = (...names: string[]) => string[];

/** quickjs-ng, whose source is within the crate that binds it. */
function readEngine(folder: string): Part {
  const header = readFileSync(join(folder, "quickjs/quickjs.h"), "utf8");
  const [major, minor, patch] = ["MAJOR", "MINOR", "PATCH"].map((name) =>
    found(new RegExp(`QJS_VERSION_${name} (\\d+)`, "u").exec(header), "the engine's version"),
  );
  const version = `${major}.${minor}.${patch}`;
  return {
    name: "quickjs-ng",
    version,
    purl: `pkg:github/quickjs-ng/quickjs@v${version}`,
    license: "MIT",
    texts: [readFileSync(join(folder, "quickjs/LICENSE"), "utf8")],
    uses: [],
  };
}

/** With the crates and the port of LLVM's compiler-rt that it brings, all under the same terms. */
function standardLibrary({ env }: Toolchain, carried: Carried): Part {
  const [, version = ""] = execFileSync(env["RUSTC"] ?? "rustc", ["--version"], {
    encoding: "utf8",
  }).split(" ");
  return {
    name: "rust-std",
    version,
    purl: `pkg:github/rust-lang/rust@${version}#library`,
    license: "(MIT OR Apache-2.0) AND Apache-2.0 WITH LLVM-exception AND Unicode-3.0",
    texts: carried("rust-mit", "apache-2.0", "llvm-exception", "unicode-3.0"),
    uses: [],
  };
}

function musl(carried: Carried, version?: string): Part {
  return {
    name: "musl",
    ...(version !== undefined && { version }),
    purl: version === undefined ? "pkg:generic/musl" : `pkg:generic/musl@${version}`,
    license: "MIT",
    texts: carried("musl"),
    uses: [],
  };
}

function linkedByGcc({ env }: Toolchain, carried: Carried): readonly Part[] {
  // rustup's target has a musl of its own, whose version no tool tells.
  const isDebian = env["RUSTC"] !== undefined;
  const version = textOf("gcc", "-dumpfullversion").trim();
  const libgcc: Part = {
    name: "libgcc",
    version,
    purl: `pkg:generic/gcc@${version}#libgcc`,
    license: "GPL-3.0-or-later WITH GCC-exception-3.1",
    texts: carried("gcc-exception-3.1"),
    uses: [],
  };
  return [musl(carried, isDebian ? muslVersion() : undefined), libgcc];
}

/** Its loader tells it, on standard error and with code 1, when it is run without a program. */
function muslVersion(): string {
  const { stderr } = spawnSync("/lib/ld-musl-x86_64.so.1", { encoding: "utf8" });
  return found(/^Version (\S+)$/mu.exec(stderr), "musl's version");
}

/** Zig brings musl, an unwinder of LLVM and a run-time library of its own. */
function linkedByZig(carried: Carried): readonly Part[] {
  const version = zig("version").trim();
  const folder = found(/lib_dir"?\s*[=:]\s*"([^"]+)"/u.exec(zig("env")), "zig's folder");
  const header = readFileSync(join(folder, "libc/musl/src/internal/version.h"), "utf8");
  const runtime: Part = {
    name: "zig",
    version,
    purl: `pkg:github/ziglang/zig@${version}#lib`,
    license: "MIT AND Apache-2.0 WITH LLVM-exception",
    texts: carried("zig", "libunwind"),
    uses: [],
  };
  return [musl(carried, found(/VERSION "(.+)"/u.exec(header), "musl's version")), runtime];
}

/** As cargo-zigbuild finds it. */
function zig(word: string): string {
  const told = process.env["CARGO_ZIGBUILD_ZIG_PATH"];
  const ways = [told ? [told] : [], ["zig"], ["python3", "-m", "ziglang"]];
  for (const [file, ...words] of ways) {
    if (file === undefined) continue;
    const { status, stdout } = spawnSync(file, [...words, word], { encoding: "utf8" });
    if (status === 0) return stdout;
  }
  throw new Error("Cannot ask zig for its version: it is neither a program nor a Python package");
}

function textOf(file: string, ...words: string[]): string {
  return execFileSync(file, words, { encoding: "utf8" });
}

function found(match: RegExpExecArray | null, what: string): string {
  const text = match?.[1];
  if (text === undefined) throw new Error(`Cannot find ${what}`);
  return text;
}
