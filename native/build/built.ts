/** The native files that a build left, as its `SHA256SUMS` names them. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Arch } from "./toolchain.ts";

export interface Built {
  readonly arch: Arch;
  readonly content: Buffer;
}

/** @throws Error where there is none, or one is not the file that was built. */
export function readBuilt(folder: string): readonly Built[] {
  const lines = readFileSync(join(folder, "SHA256SUMS"), "utf8").trim().split("\n");
  return lines.map((line) => {
    const [, sum, name, arch] =
      /^(\w+) {2}(k8s-await-election-linux-(amd64|arm64))$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`Cannot read ${folder}/SHA256SUMS: ${line}`);
    const content = readFileSync(join(folder, name));
    const found = createHash("sha256").update(content).digest("hex");
    if (found !== sum) throw new Error(`Cannot pack ${name}: SHA256SUMS has ${sum}, not ${found}`);
    return { arch: arch === "arm64" ? "arm64" : "amd64", content };
  });
}
