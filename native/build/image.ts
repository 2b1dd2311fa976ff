/**
 * `npm run build:image [-- FOLDER]`: an OCI image of the native files in `dist/native`, as a layout in
 * `image` beside them. It is made from scratch, without a daemon and without a time: the same files give
 * the same digest.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { type Built, readBuilt } from "./built.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { BlobStore, type Descriptor, digestOf } from "./oci.ts";

const root = join(import.meta.dirname, "../../..");
const folder = process.argv[2] ?? join(root, "dist/native");
/** Nobody's in particular: a pod that wants another one says so. */
const user = "65532:65532";

await main();

async function main(): Promise<void> {
  const layout = join(folder, "image");
  rmSync(layout, { recursive: true, force: true });
  mkdirSync(layout, { recursive: true });
  const store = new BlobStore(layout);
  const manifest = readManifest(root);
  const images: Descriptor[] = [];
  for (const built of readBuilt(folder)) images.push(await addImage(store, manifest, built));
  const index = store.addJson("application/vnd.oci.image.index.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: images,
  });
  const annotations = { "org.opencontainers.image.ref.name": manifest.version };
  writeJson("index.json", { schemaVersion: 2, manifests: [{ ...index, annotations }] });
  writeJson("oci-layout", { imageLayoutVersion: "1.0.0" });
  process.stdout.write(`${index.digest}\n`);

  function writeJson(name: string, content: object): void {
    writeFileSync(join(layout, name), JSON.stringify(content));
  }
}

async function addImage(store: BlobStore, manifest: Manifest, built: Built): Promise<Descriptor> {
  const layer = await layerOf(built.content);
  const labels = {
    "org.opencontainers.image.title": manifest.name,
    "org.opencontainers.image.description": manifest.description,
    "org.opencontainers.image.version": manifest.version,
    "org.opencontainers.image.licenses": manifest.license,
  };
  const platform = { architecture: built.arch, os: "linux" };
  const config = store.addJson("application/vnd.oci.image.config.v1+json", {
    ...platform,
    config: {
      User: user,
      Entrypoint: ["/k8s-await-election"],
      WorkingDir: "/",
      Labels: labels,
    },
    rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
  });
  const image = store.addJson("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config,
    layers: [
      store.add("application/vnd.oci.image.layer.v1.tar+gzip", gzipSync(layer, { level: 9 })),
    ],
    annotations: labels,
  });
  return { ...image, platform };
}

/** The file, and the licences that have to go along with it. */
async function layerOf(content: Buffer): Promise<Buffer> {
  const layer = pack();
  const common = { uid: 0, gid: 0, mtime: new Date(0) };
  layer.entry({ ...common, name: "k8s-await-election", mode: 0o755 }, content);
  const licenses = readFileSync(join(folder, "LICENSES.txt"));
  layer.entry({ ...common, name: "LICENSES.txt", mode: 0o644 }, licenses);
  layer.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of layer) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
