/** What the build says about the native files: their parts, in valid CycloneDX, and their licences. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { built, manifest, root } from "./artefacts.ts";

interface Component {
  readonly name: string;
  readonly version?: string;
  readonly "bom-ref": string;
  readonly purl?: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses: readonly unknown[];
}

interface Licensed {
  readonly name: string;
  readonly license: string;
  readonly texts: readonly string[];
}

interface Bom {
  readonly specVersion: Spec.Version;
  readonly metadata: { readonly timestamp?: string; readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly {
    readonly ref: string;
    readonly dependsOn?: readonly string[];
  }[];
}

const text = readFileSync(join(built, "sbom.cdx.json"), "utf8");
const bom = JSON.parse(text) as Bom;
const licenses = readFileSync(join(built, "LICENSES.txt"), "utf8");
const files = readFileSync(join(built, "SHA256SUMS"), "utf8").trim().split("\n");

describe("the bill of materials", () => {
  it("is valid CycloneDX", async () => {
    const problem = await new Validation.JsonStrictValidator(bom.specVersion).validate(text);
    assert.equal(problem, null);
  });

  it("describes this version, and each file by its digest", () => {
    assert.equal(bom.metadata.component.version, manifest.version);
    for (const line of files) {
      const [sum, name = ""] = line.split("  ");
      const content = createHash("sha256")
        .update(readFileSync(join(built, name)))
        .digest("hex");
      assert.equal(content, sum);
      assert.deepEqual(componentOf(name).hashes, [{ alg: "SHA-256", content: sum }]);
    }
  });

  it("names every part with version and licence, and every crate as the lock file has it", () => {
    const lock = readFileSync(join(root, "native/Cargo.lock"), "utf8");
    const crates = bom.components.filter(({ purl }) => purl?.startsWith("pkg:cargo/"));
    assert.ok(crates.length > 20);
    for (const { name, version, hashes } of crates) {
      const content = hashes?.[0]?.content ?? "none";
      const entry = `name = "${name}"\nversion = "${version}"\nsource = `;
      assert.ok(lock.includes(entry), `${name} ${version} is locked`);
      assert.ok(lock.includes(`checksum = "${content}"`), `${name} has its checksum`);
    }
    for (const { name, licenses } of bom.components) assert.equal(licenses.length, 1, name);
    const names = bom.components.map(({ name }) => name);
    for (const name of ["quickjs-ng", "rust-std", "musl", "ring"]) {
      assert.ok(names.includes(name), name);
    }
  });

  it("leaves out what only builds the file or tests it", () => {
    const names = bom.components.map(({ name }) => name);
    for (const name of ["serde_derive", "syn", "cc", "rcgen"])
      assert.ok(!names.includes(name), name);
  });

  it("leads from the package to every part, and names no time", () => {
    const reached = new Set([bom.metadata.component["bom-ref"]]);
    // A set is walked in the order of its members, those added meanwhile included.
    for (const ref of reached) {
      const used = bom.dependencies.find((dependency) => dependency.ref === ref)?.dependsOn ?? [];
      for (const one of used) reached.add(one);
    }
    for (const component of bom.components) assert.ok(reached.has(component["bom-ref"]));
    assert.equal(bom.metadata.timestamp, undefined);
  });
});

describe("the licences", () => {
  it("stop the build where one is not allowed, or its text is missing", async () => {
    // The build's own folder is no part of the tests' project.
    const url = new URL("../../native/build/licenses.js", import.meta.url).href;
    const { assertLicensed } = (await import(url)) as {
      readonly assertLicensed: (parts: readonly Licensed[]) => void;
    };
    const texts = ["the text"];
    const good = ["MIT", "GPL-2.0-only OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"];
    assertLicensed(good.map((license) => ({ name: license, license, texts })));
    const exception = "Apache-2.0 WITH Classpath-exception-2.0";
    for (const license of ["GPL-3.0-or-later", "MIT AND GPL-2.0-only", exception, "own words"]) {
      assert.throws(() => assertLicensed([{ name: "it", license, texts }]), license);
    }
    const bare = [{ name: "it", license: "MIT", texts: [] }];
    assert.throws(() => assertLicensed(bare), /it: the text of MIT is missing/u);
  });

  it("are there for every part", () => {
    const parts = bom.components.filter(({ purl }) => purl !== undefined);
    for (const { name, version = "" } of parts) {
      const heading = `${name} ${version}`.trim();
      assert.ok(licenses.includes(`\n${heading} (`), heading);
    }
  });
});

function componentOf(name: string): Component {
  const found = bom.components.filter((component) => component.name === name);
  assert.equal(found.length, 1, name);
  return found[0]!;
}
