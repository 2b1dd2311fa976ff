/** What users install: its content, its entry points, and how large it is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import type * as library from "../../src/library/index.ts";
import { pack, type Packed, root } from "./pack.ts";

type Library = typeof library;

/** Minified, for whoever bundles; the election itself is half of it. */
const bundleLimitBytes = 80 * 1024;
const zippedLimitBytes = 28 * 1024;

describe("the npm package", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as object;
  let packed: Packed;
  before(() => {
    packed = pack();
  });
  after(() => packed?.remove());

  it("holds what runs, and nothing of tests", () => {
    const paths = packed.paths;
    const allowed = /^(dist\/(src\/.+|library)\.(js|d\.ts)|bin\/.+|package\.json|[A-Z]+(\.md)?)$/;
    assert.deepEqual(
      paths.filter((path) => !allowed.test(path)),
      [],
    );
    for (const entry of ["library.js", "src/library/index.d.ts", "src/testing/index.js"]) {
      assert.ok(paths.includes(`dist/${entry}`), entry);
    }
    const twice = paths.filter((path) => /^dist\/src\/library\/.*\.js$/.test(path));
    assert.deepEqual(twice, [], "it is in one file already");
  });

  it("has nothing that publint would say", async () => {
    const { messages } = await publint({ pkgDir: root, strict: true, pack: false });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, manifest)),
      [],
    );
  });

  it("bundles into one small file that runs", async (t) => {
    const { outputFiles } = await build({
      stdin: {
        contents: 'export { LeaderElector } from "./dist/library.js";',
        resolveDir: root,
      },
      bundle: true,
      minify: true,
      platform: "node",
      format: "esm",
      external: ["@kubernetes/client-node"],
      write: false,
    });
    const { contents } = outputFiles[0]!;
    const zipped = gzipSync(contents).length;
    t.diagnostic(`${contents.length} bytes minified, ${zipped} zipped`);
    assert.ok(contents.length <= bundleLimitBytes, `${contents.length} bytes`);
    assert.ok(zipped <= zippedLimitBytes, `${zipped} bytes zipped`);
    const url = `data:text/javascript;base64,${Buffer.from(contents).toString("base64")}`;
    const { LeaderElector } = (await import(url)) as Library;
    const elector = new LeaderElector({ lease: { namespace: "default", name: "demo" } });
    assert.match(elector.identity, /_[0-9a-f]{32}$/);
  });
});
