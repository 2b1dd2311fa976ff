/**
 * The crates that are linked into the file for a target, as cargo resolved them. What runs only while
 * it is built (build scripts, procedural macros and what they alone use) is not in it.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Part } from "./parts.ts";

/** What is needed of `cargo metadata --format-version 1`. */
interface Metadata {
  readonly packages: readonly Crate[];
  readonly resolve: { readonly root: string; readonly nodes: readonly Node[] };
}

interface Crate {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly license: string | null;
  readonly repository: string | null;
  readonly manifest_path: string;
  readonly targets: readonly { readonly kind: readonly string[] }[];
}

interface Node {
  readonly id: string;
  readonly deps: readonly {
    readonly pkg: string;
    readonly dep_kinds: readonly { readonly kind: string | null }[];
  }[];
}

export interface Crates {
  readonly parts: readonly Part[];
  /** The `purl` of every crate that our own names in its manifest. */
  readonly uses: readonly string[];
  /** Where the source of a crate lies. */
  folderOf(name: string): string;
}

/** @throws Error for a crate that says no licence. */
export function readCrates(root: string, target: string): Crates {
  const cwd = join(root, "native");
  const words = ["metadata", "--format-version=1", "--locked", `--filter-platform=${target}`];
  const output = execFileSync("cargo", words, { cwd, maxBuffer: 2 ** 28, encoding: "utf8" });
  const metadata = JSON.parse(output) as Metadata;
  const crates = new Map(metadata.packages.map((crate) => [crate.id, crate]));
  const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
  const usesOf = (id: string): readonly Crate[] =>
    (nodes.get(id)?.deps ?? []).flatMap(({ pkg, dep_kinds }) => {
      const crate = crates.get(pkg);
      const isLinked = dep_kinds.some(({ kind }) => kind === null);
      return crate !== undefined && isLinked && !isMacro(crate) ? [crate] : [];
    });
  const linked = new Set(usesOf(metadata.resolve.root));
  // A set is walked in the order of its members, those added meanwhile included.
  for (const crate of linked) for (const used of usesOf(crate.id)) linked.add(used);
  const checksums = readChecksums(join(cwd, "Cargo.lock"));
  const parts = [...linked].map((crate) => ({
    ...describe(crate, checksums),
    texts: textsOf(crate, metadata.packages),
    uses: usesOf(crate.id).map(purlOf),
  }));
  const folderOf = (name: string): string => {
    const crate = metadata.packages.find((one) => one.name === name);
    if (crate === undefined) throw new Error(`Cannot find crate ${name}: cargo does not know it`);
    return dirname(crate.manifest_path);
  };
  return { parts, uses: usesOf(metadata.resolve.root).map(purlOf), folderOf };
}

function describe(
  crate: Crate,
  checksums: ReadonlyMap<string, string>,
): Omit<Part, "texts" | "uses"> {
  const { name, version, license } = crate;
  if (license === null) throw new Error(`Cannot take crate ${name}: it says no licence`);
  const sha256 = checksums.get(`${name} ${version}`);
  return {
    name,
    version,
    purl: purlOf(crate),
    // The form of old manifests.
    license: license.replaceAll("/", " OR "),
    ...(sha256 !== undefined && { sha256 }),
  };
}

/** By name and version with a space between. */
function readChecksums(lock: string): ReadonlyMap<string, string> {
  const packages = readFileSync(lock, "utf8").split("[[package]]").slice(1);
  return new Map(
    packages.flatMap((text) => {
      const checksum = fieldOf(text, "checksum");
      const key = `${fieldOf(text, "name")} ${fieldOf(text, "version")}`;
      return checksum === undefined ? [] : [[key, checksum] as const];
    }),
  );
}

function fieldOf(text: string, name: string): string | undefined {
  return new RegExp(`^${name} = "(.*)"$`, "mu").exec(text)?.[1];
}

/** A repository of several crates may pack its licence with one of them only. */
function textsOf(crate: Crate, all: readonly Crate[]): readonly string[] {
  const own = licencesIn(crate);
  if (own.length > 0 || crate.repository === null) return own;
  const siblings = all.filter(({ repository }) => repository === crate.repository);
  return siblings.map(licencesIn).find((texts) => texts.length > 0) ?? [];
}

function licencesIn({ manifest_path }: Crate): readonly string[] {
  const folder = dirname(manifest_path);
  return readdirSync(folder)
    .filter((name) => /licen[cs]e|copying|copyright|notice/iu.test(name) && !name.endsWith(".rs"))
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf8"));
}

function isMacro({ targets }: Crate): boolean {
  return targets.some(({ kind }) => kind.includes("proc-macro"));
}

function purlOf({ name, version }: Crate): string {
  // A `+` would be read as a space by some.
  return `pkg:cargo/${name}@${encodeURIComponent(version)}`;
}
