/**
 * How a static file is compiled here: with rustup's own standard library for the target where it is
 * installed, else with Debian's compiler, which builds the standard library from its source
 * (`rustc-web rust-web-src musl-tools`; arm64 also `ziglang` and `cargo-zigbuild` from PyPI).
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export type Arch = "amd64" | "arm64";

export interface Toolchain {
  /** Words after which the options of `cargo build` come. */
  readonly cargo: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Such as `x86_64-unknown-linux-musl`. */
  readonly target: string;
}

interface Options {
  readonly arch: Arch;
  /** The root of the project. */
  readonly root: string;
  /** For what the linker needs and nobody has. */
  readonly folder: string;
}

const targets: Readonly<Record<Arch, string>> = {
  amd64: "x86_64-unknown-linux-musl",
  arm64: "aarch64-unknown-linux-musl",
};

const debianRustc = "/usr/bin/rustc";
const standardLibrary = "/usr/lib/rustlib/src/rust/library/std";

/** @throws Error that says what is missing and how to get it. */
export function findToolchain(options: Options): Toolchain {
  const target = targets[options.arch];
  const hasOwnLibrary = existsSync(join(sysrootOf("rustc"), "lib/rustlib", target, "lib"));
  return hasOwnLibrary ? ofRustup(target, options) : ofDebian(target, options);
}

function ofRustup(target: string, options: Options): Toolchain {
  const isAmd64 = options.arch === "amd64";
  const env = {
    ...reproducible(target, options, []),
    ...(isAmd64 && { [inEnv("CC", target)]: "musl-gcc" }),
  };
  return { cargo: isAmd64 ? ["build"] : ["zigbuild"], env, target };
}

function ofDebian(target: string, options: Options): Toolchain {
  if (!existsSync(debianRustc) || !existsSync(standardLibrary)) {
    throw new Error(
      `there is no standard library of Rust for ${target}: run \`rustup target add ${target}\`, ` +
        "or on Debian `apt-get install rustc-web rust-web-src musl-tools`",
    );
  }
  const common = ["-C", "target-feature=+crt-static", "-C", "link-self-contained=no"];
  const isAmd64 = options.arch === "amd64";
  const flags = isAmd64
    ? [...common, "-C", "relocation-model=static", "-L", `native=${unwinder(options.folder)}`]
    : common;
  const linker = { [inEnv("CARGO_TARGET", target, "LINKER")]: "musl-gcc" };
  return {
    target,
    cargo: [
      ...(isAmd64 ? ["build"] : ["zigbuild"]),
      "-Zbuild-std=std,panic_abort",
      "-Zbuild-std-features=",
    ],
    env: {
      ...reproducible(target, options, flags),
      ...(isAmd64 && { ...linker, [inEnv("CC", target)]: "musl-gcc" }),
      RUSTC: debianRustc,
      RUSTC_BOOTSTRAP: "1",
    },
  };
}

/** No path of this machine, and no time, is in the file: two builds give the same bytes. */
function reproducible(
  target: string,
  { root }: Options,
  flags: readonly string[],
): Record<string, string> {
  const cargoHome = process.env["CARGO_HOME"] ?? join(homedir(), ".cargo");
  const paths = [
    [cargoHome, "/cargo"],
    [root, "/source"],
  ];
  const remapped = paths.flatMap(([from, to]) => ["--remap-path-prefix", `${from}=${to}`]);
  const mapped = paths.map(([from, to]) => `-ffile-prefix-map=${from}=${to}`).join(" ");
  return {
    [inEnv("CARGO_TARGET", target, "RUSTFLAGS")]: [...flags, ...remapped].join(" "),
    [inEnv("CFLAGS", target)]: mapped,
    SOURCE_DATE_EPOCH: "0",
  };
}

/**
 * Debian's standard library wants an unwinder that musl's linker can find, although nothing unwinds.
 * gcc's own needs one function of glibc, which may as well find nothing.
 */
function unwinder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const run = (file: string, ...words: string[]) => execFileSync(file, words, { cwd: folder });
  const ofGcc = run("gcc", "-print-file-name=libgcc_eh.a").toString().trim();
  writeFileSync(
    join(folder, "find.c"),
    "int _dl_find_object(void *pc, void *result) { (void)pc; (void)result; return -1; }\n",
  );
  run("musl-gcc", "-O2", "-c", "find.c");
  run("cp", ofGcc, "libunwind.a");
  run("ar", "rcsD", "libunwind.a", "find.o");
  return folder;
}

function sysrootOf(rustc: string): string {
  return execFileSync(rustc, ["--print", "sysroot"]).toString().trim();
}

/** `CC_x86_64_unknown_linux_musl`, `CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER`. */
function inEnv(prefix: string, target: string, suffix?: string): string {
  const name = target.replaceAll("-", "_");
  return suffix === undefined ? `${prefix}_${name}` : `${prefix}_${name.toUpperCase()}_${suffix}`;
}
