/**
 * The OCI image: its layout as the specification wants it, each digest and size counted anew, and its
 * layer unpacked and run as the user that it names, with nothing else in the file system.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { gunzipSync } from "node:zlib";
import { contentOf, temporaryFolder } from "../support/processes.ts";
import { copyBuilt, manifest, nativeFile, pack } from "./artefacts.ts";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Config {
  readonly architecture: string;
  readonly os: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] };
}

interface Image {
  readonly platform: Descriptor["platform"];
  readonly config: Config;
  /** Compressed, as it lies there. */
  readonly layers: readonly Buffer[];
}

const ownArchitecture = process.arch === "arm64" ? "arm64" : "amd64";
const isRoot = process.getuid?.() === 0;

describe("the image", () => {
  it("is a layout whose every blob is named by its digest and reached once", (t) => {
    const { layout, images, reached } = readLayout(packed(t));
    assert.deepEqual(JSON.parse(contentOf(join(layout, "oci-layout"))), {
      imageLayoutVersion: "1.0.0",
    });
    assert.deepEqual(readdirSync(join(layout, "blobs/sha256")).sort(), reached.sort());
    assert.ok(images.some(({ platform }) => platform?.architecture === ownArchitecture));
    for (const { platform, config, layers } of images) {
      assert.deepEqual({ architecture: config.architecture, os: config.os }, platform);
      const diffIds = layers.map((layer) => `sha256:${sha256(gunzipSync(layer))}`);
      assert.deepEqual(config.rootfs, { type: "layers", diff_ids: diffIds });
    }
  });

  it("names its user, its entry point and its version", (t) => {
    for (const { config } of readLayout(packed(t)).images) {
      const { User, Entrypoint, Labels } = config.config;
      assert.deepEqual(
        { User, Entrypoint },
        { User: "65532:65532", Entrypoint: ["/k8s-await-election"] },
      );
      const labels = Labels as Readonly<Record<string, string>>;
      assert.equal(labels["org.opencontainers.image.version"], manifest.version);
    }
  });

  it("holds the file and its licences, of nobody and of no time", (t) => {
    for (const { layers } of readLayout(packed(t)).images) {
      assert.equal(layers.length, 1);
      const words = ["-tvz", "--numeric-owner", "--utc", "--full-time"];
      const listed = execFileSync("tar", words, { input: layers[0]!, encoding: "utf8" });
      const entries = listed
        .trim()
        .split("\n")
        .map((line) => line.split(/\s+/u));
      assert.deepEqual(
        entries.map(([mode, owner, , day, time, name]) => [mode, owner, day, time, name].join(" ")),
        [
          "-rwxr-xr-x 0/0 1970-01-01 00:00:00 k8s-await-election",
          "-rw-r--r-- 0/0 1970-01-01 00:00:00 LICENSES.txt",
        ],
      );
    }
  });

  it("is the same bytes each time", (t) => {
    const folder = packed(t);
    const before = contentsOf(join(folder, "image"));
    pack("image", folder);
    assert.deepEqual(contentsOf(join(folder, "image")), before);
  });

  it("is not made of a file that is not the one that was built", (t) => {
    const folder = temporaryFolder(t);
    copyBuilt(folder);
    writeFileSync(join(folder, `k8s-await-election-linux-${ownArchitecture}`), "another");
    assert.throws(() => pack("image", folder), /SHA256SUMS has \w+, not \w+/u);
  });

  it("runs as its user with nothing around it", { skip: !isRoot && "needs root" }, (t) => {
    const { folder, run } = unpacked(t);
    const version = `${manifest.version}\n`;
    assert.equal(run("--version"), version);
    assert.equal(run("/k8s-await-election", "--version"), version, "becomes the command");
    assert.equal(run("--", "/k8s-await-election", "--version"), version);
    mkdirSync(join(folder, "shared"));
    chownSync(join(folder, "shared"), 65532, 65532);
    run("--install", "/shared/");
    const installed = join(folder, "shared/k8s-await-election");
    assert.deepEqual(readFileSync(installed), readFileSync(nativeFile));
    assert.equal(statSync(installed).mode & 0o777, 0o755);
  });
});

function packed(t: TestContext): string {
  const folder = temporaryFolder(t);
  copyBuilt(folder);
  pack("image", folder);
  return folder;
}

interface Layout {
  readonly layout: string;
  readonly images: readonly Image[];
  /** The digest of each blob that is named, without its algorithm. */
  readonly reached: string[];
}

function readLayout(folder: string): Layout {
  const layout = join(folder, "image");
  const reached: string[] = [];
  const blob = ({ digest, size, mediaType }: Descriptor, type: string): Buffer => {
    assert.equal(mediaType, `application/vnd.oci.image.${type}`);
    const name = digest.replace("sha256:", "");
    const content = readFileSync(join(layout, "blobs/sha256", name));
    assert.deepEqual(
      { digest, size },
      { digest: `sha256:${sha256(content)}`, size: content.length },
    );
    reached.push(name);
    return content;
  };
  const json = (descriptor: Descriptor, type: string): unknown =>
    JSON.parse(blob(descriptor, type).toString());

  const { manifests } = JSON.parse(contentOf(join(layout, "index.json"))) as {
    readonly manifests: readonly Descriptor[];
  };
  assert.equal(manifests.length, 1);
  const [only] = manifests;
  assert.equal(only?.annotations?.["org.opencontainers.image.ref.name"], manifest.version);
  const index = json(only, "index.v1+json") as { readonly manifests: readonly Descriptor[] };
  const images = index.manifests.map((descriptor) => {
    const { config, layers } = json(descriptor, "manifest.v1+json") as {
      readonly config: Descriptor;
      readonly layers: readonly Descriptor[];
    };
    return {
      platform: descriptor.platform,
      config: json(config, "config.v1+json") as Config,
      layers: layers.map((layer) => blob(layer, "layer.v1.tar+gzip")),
    };
  });
  return { layout, images, reached };
}

interface Unpacked {
  readonly folder: string;
  readonly run: (...words: string[]) => string;
}

/** The layer for this machine as a root file system. */
function unpacked(t: TestContext): Unpacked {
  const { images } = readLayout(packed(t));
  const own = images.find(({ platform }) => platform?.architecture === ownArchitecture);
  const folder = temporaryFolder(t);
  execFileSync("tar", ["-xz", "-C", folder], { input: own!.layers[0]! });
  execFileSync("chmod", ["755", folder]);
  // Where the file itself is found by what /proc calls it.
  mkdirSync(join(folder, "proc"));
  const before = ["--pid", "--fork", `--mount-proc=${join(folder, "proc")}`];
  const enter = ["chroot", "--userspec=65532:65532", folder, "/k8s-await-election"];
  const run = (...words: string[]): string =>
    execFileSync("unshare", [...before, ...enter, ...words], { encoding: "utf8" });
  return { folder, run };
}

function contentsOf(folder: string): Readonly<Record<string, string>> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, sha256(readFileSync(join(folder, name)))]));
}

function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
