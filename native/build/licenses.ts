/** The licences of everything inside: whether we may pass it on, and the texts that go with it. */
import parse, { type Info } from "spdx-expression-parse";
import type { Part } from "./parts.ts";

/** Licences that ask for nothing but that their text goes along. */
const allowed: ReadonlySet<string> = new Set([
  "Apache-2.0",
  "Apache-2.0 WITH LLVM-exception",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
  "Unicode-3.0",
  "Zlib",
  // libgcc: what a compiler adds to a program does not make the program GPL.
  "GPL-3.0-or-later WITH GCC-exception-3.1",
]);

/** @throws Error that names every part whose licence is not allowed, or whose text is missing. */
export function assertLicensed(parts: readonly Part[]): void {
  const problems = parts.flatMap(({ name, license, texts }) => {
    if (!isAllowed(parse(license))) return [`${name}: ${license} is not allowed`];
    return texts.length === 0 ? [`${name}: the text of ${license} is missing`] : [];
  });
  if (problems.length > 0) throw new Error(`Cannot pass on ${problems.join("; ")}`);
}

function isAllowed(license: Info): boolean {
  if ("conjunction" in license) {
    const sides = [license.left, license.right];
    return license.conjunction === "or" ? sides.some(isAllowed) : sides.every(isAllowed);
  }
  const exception = license.exception === undefined ? "" : ` WITH ${license.exception}`;
  return allowed.has(`${license.license}${exception}`);
}

/** One document of all texts, each once, under the names of the parts that came with it. */
export function writeTexts(own: string, parts: readonly Part[]): string {
  const owners = new Map<string, { text: string; names: string[] }>();
  for (const { name, version, license, texts } of parts) {
    for (const text of texts) {
      // The same words break into different lines here and there.
      const key = text.replaceAll(/\s+/gu, " ").trim();
      const entry = owners.get(key) ?? { text, names: [] };
      entry.names.push(`${[name, version ?? ""].join(" ").trim()} (${license})`);
      owners.set(key, entry);
    }
  }
  const line = "=".repeat(80);
  const sections = [...owners.values()].map(
    ({ text, names }) => `${line}\n${names.join("\n")}\n${line}\n\n${text.trim()}\n`,
  );
  const intro =
    "k8s-await-election is under the licence that comes first. Below it are those of what its native\n" +
    "file contains, each under the names of the parts that it came with.\n";
  return [intro, `${own.trim()}\n`, ...sections].join("\n").replaceAll("\r\n", "\n");
}
