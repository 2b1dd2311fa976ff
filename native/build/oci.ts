/** Blobs of an OCI image layout: https://github.com/opencontainers/image-spec. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Descriptor {
  readonly mediaType: string;
  /** Such as `sha256:2c26b4…`. */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string };
}

export class BlobStore {
  readonly #folder: string;

  constructor(layout: string) {
    this.#folder = join(layout, "blobs/sha256");
    mkdirSync(this.#folder, { recursive: true });
  }

  add(mediaType: string, content: Uint8Array): Descriptor {
    const digest = digestOf(content);
    writeFileSync(join(this.#folder, digest.replace("sha256:", "")), content);
    return { mediaType, digest, size: content.length };
  }

  addJson(mediaType: string, content: object): Descriptor {
    return this.add(mediaType, Buffer.from(JSON.stringify(content)));
  }
}

export function digestOf(content: Uint8Array): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
