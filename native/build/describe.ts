/** What goes along with the native files: `sbom.cdx.json` and `LICENSES.txt`. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readCrates } from "./crates.ts";
import { assertLicensed, writeTexts } from "./licenses.ts";
import { readManifest } from "./manifest.ts";
import { mergeParts, type NativeFile } from "./parts.ts";
import { readRuntimes } from "./runtimes.ts";
import { writeSbom } from "./sbom.ts";
import type { Toolchain } from "./toolchain.ts";

interface Options {
  /** The root of the project. */
  readonly root: string;
  /** Where the files are. */
  readonly folder: string;
  /** How each was built, by the name of the file. */
  readonly built: Readonly<Record<string, Toolchain>>;
}

/** @throws Error where something inside may not be passed on, or has no licence text. */
export function describeFiles({ root, folder, built }: Options): void {
  const files = Object.entries(built).map(([name, toolchain]) => {
    const sha256 = createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex");
    return { name, sha256, ...partsOf(root, toolchain) };
  });
  const parts = mergeParts(files.map((file) => file.parts));
  assertLicensed(parts);
  const own = readFileSync(join(root, "LICENSE"), "utf8");
  writeFileSync(join(folder, "LICENSES.txt"), writeTexts(own, parts));
  writeFileSync(join(folder, "sbom.cdx.json"), writeSbom({ ...readManifest(root), files }));
}

function partsOf(root: string, toolchain: Toolchain): Pick<NativeFile, "parts" | "uses"> {
  const crates = readCrates(root, toolchain.target);
  const { engine, others } = readRuntimes({ root, toolchain, crates });
  // The engine is no crate, but its source is within one.
  const linked = crates.parts.map((part) =>
    part.name === "rquickjs-sys" ? { ...part, uses: [...part.uses, engine.purl] } : part,
  );
  return {
    parts: [...linked, engine, ...others],
    uses: [...crates.uses, ...others.map(({ purl }) => purl)],
  };
}
