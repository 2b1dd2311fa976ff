/**
 * The bill of materials, in CycloneDX: the package, each native file, and the parts of those. It says
 * neither when nor where it was written, so the same parts give the same bytes.
 */
import { createHash } from "node:crypto";
import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { mergeParts, type NativeFile, type Part } from "./parts.ts";

interface Options {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly files: readonly NativeFile[];
}

export function writeSbom({ name, version, description, license, files }: Options): string {
  // The npm package has no dependencies at run time: beside the files there is only itself.
  const main = new Models.Component(Enums.ComponentType.Application, name, {
    bomRef: `pkg:npm/${name}@${version}`,
    purl: `pkg:npm/${name}@${version}`,
    version,
    description,
    licenses: licensed(license),
  });
  const parts = mergeParts(files.map((file) => file.parts));
  const components = new Map(parts.map((part) => [part.purl, componentOf(part)]));
  const pick = (purls: readonly string[]): Models.BomRefRepository =>
    new Models.BomRefRepository(purls.flatMap((purl) => components.get(purl)?.bomRef ?? []));
  for (const { purl, uses } of parts) {
    for (const used of pick(uses)) components.get(purl)?.dependencies.add(used);
  }
  const programs = files.map((file) => {
    const program = new Models.Component(Enums.ComponentType.Application, file.name, {
      bomRef: file.name,
      version,
      licenses: licensed(license),
      hashes: new Models.HashDictionary([[Enums.HashAlgorithm["SHA-256"], file.sha256]]),
      dependencies: pick(file.uses),
    });
    main.dependencies.add(program.bomRef);
    return program;
  });
  const bom = new Models.Bom({
    metadata: new Models.Metadata({ component: main }),
    components: new Models.ComponentRepository([...programs, ...components.values()]),
  });
  bom.serialNumber = `urn:uuid:${uuidOf(serialize(bom))}`;
  return serialize(bom);
}

function componentOf({ name, version, purl, license, sha256 }: Part): Models.Component {
  return new Models.Component(Enums.ComponentType.Library, name, {
    bomRef: purl,
    purl,
    ...(version !== undefined && { version }),
    licenses: licensed(license),
    ...(sha256 !== undefined && {
      hashes: new Models.HashDictionary([[Enums.HashAlgorithm["SHA-256"], sha256]]),
    }),
  });
}

function licensed(expression: string): Models.LicenseRepository {
  const license = / /u.test(expression)
    ? new Models.LicenseExpression(expression)
    : new Models.SpdxLicense(expression);
  return new Models.LicenseRepository([license]);
}

function serialize(bom: Models.Bom): string {
  const serializer = new Serialize.JsonSerializer(
    new Serialize.JSON.Normalize.Factory(Spec.Spec1dot7),
  );
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

/** Of the content, in the form of version 8 (RFC 9562): whatever differs has another one. */
function uuidOf(text: string): string {
  const digest = createHash("sha256").update(text).digest("hex");
  const variant = ((Number.parseInt(digest[16] ?? "0", 16) & 0x3) | 0x8).toString(16);
  const groups = [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `8${digest.slice(13, 16)}`,
    `${variant}${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ];
  return groups.join("-");
}
