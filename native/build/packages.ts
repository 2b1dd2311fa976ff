/**
 * `npm run build:packages [-- FOLDER]`: what a release publishes on npm, as folders in `packages` beside
 * the native files: one package per platform with one file each, and the main package, which here alone
 * depends on them, for this repository cannot install what is not published yet.
 */
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Built, readBuilt } from "./built.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import type { Arch } from "./toolchain.ts";

const root = join(import.meta.dirname, "../../..");
const folder = process.argv[2] ?? join(root, "dist/native");
const packages = join(folder, "packages");

/** As npm and Node name the processors. */
const cpus: Readonly<Record<Arch, string>> = { amd64: "x64", arm64: "arm64" };

main();

function main(): void {
  const manifest = readManifest(root);
  rmSync(packages, { recursive: true, force: true });
  const names = readBuilt(folder).map((built) => writePlatform(manifest, built));
  writeMain(manifest, names);
  process.stdout.write(
    `${[...names, manifest.name].map((name) => join(packages, name)).join("\n")}\n`,
  );
}

/** Returns the name of the package. */
function writePlatform({ name, version, license }: Manifest, { arch, content }: Built): string {
  const cpu = cpus[arch];
  const own = `${name}-linux-${cpu}`;
  const target = join(packages, own);
  const file = join(target, "bin", name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  chmodSync(file, 0o755);
  writeJson(join(target, "package.json"), {
    name: own,
    version,
    description: `The native file of ${name} for Linux on ${cpu}`,
    license,
    os: ["linux"],
    cpu: [cpu],
    // The file itself, for who wants no shell between.
    bin: { [own]: `bin/${name}` },
    files: ["bin", "LICENSES.txt", "sbom.cdx.json"],
  });
  const readme = `# ${own}\n\nThe native file of ${name}, a package that brings this one.\n`;
  writeFileSync(join(target, "README.md"), readme);
  copy(root, target, ["LICENSE"]);
  copy(folder, target, ["LICENSES.txt", "sbom.cdx.json"]);
  return own;
}

/** As the repository's own, but for what only its development needs. */
function writeMain(manifest: Manifest, platforms: readonly string[]): void {
  const target = join(packages, manifest.name);
  const {
    scripts: _,
    devDependencies: __,
    ...packed
  } = manifest as unknown as Record<string, unknown>;
  const dependencies = platforms.map((name) => [name, manifest.version]);
  mkdirSync(target, { recursive: true });
  // What begins with "!" is left out by npm, when the folder is packed.
  copy(
    root,
    target,
    manifest.files.filter((name) => !name.startsWith("!")),
  );
  writeJson(join(target, "package.json"), {
    ...packed,
    optionalDependencies: Object.fromEntries(dependencies),
  });
}

function copy(from: string, to: string, names: readonly string[]): void {
  for (const name of names) cpSync(join(from, name), join(to, name), { recursive: true });
}

function writeJson(file: string, content: object): void {
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`);
}
