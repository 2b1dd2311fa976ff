/** What takes longer to see of the package: its types, its documentation, its memory, and every Node. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { Application } from "typedoc";
import { makeCertificates } from "../support/certificates.ts";
import { measureMemory } from "./memory.ts";
import { pack, type Packed, root } from "./pack.ts";

/** Beside the one that runs this: those that `engines` promises, as npm has them. */
const versions = ["20.19.0", "22.23.3", "24.20.0"];

/** Over a process with one HTTPS connection. */
const memoryLimitMiB = 6;

describe("the npm package, as users install it", () => {
  const folder = mkdtempSync(join(tmpdir(), "installed-"));
  let packed: Packed;

  before(() => {
    packed = pack();
    writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}');
    install(packed.file);
  });
  after(() => {
    packed?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  function install(...packages: readonly string[]): void {
    const words = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"];
    execFileSync("npm", [...words, ...packages], { cwd: folder, stdio: "ignore" });
  }

  it("has no types that are wrong, for whoever can import it", async () => {
    const data = createPackageFromTarballData(new Uint8Array(readFileSync(packed.file)));
    const result = await checkPackage(data);
    assert.ok(result.types !== false);
    // It is ESM only, with an exports map: older resolutions find nothing, as they should.
    const others = ["node10", "node16-cjs"];
    const problems = result.problems.filter(
      (problem) => !("resolutionKind" in problem && others.includes(problem.resolutionKind)),
    );
    assert.deepEqual(problems, []);
  });

  it("documents every public symbol", async () => {
    const app = await Application.bootstrap({
      options: join(root, "typedoc.json"),
      logLevel: "Error",
      skipErrorChecking: true,
    });
    const project = await app.convert();
    assert.ok(project !== undefined);
    app.validate(project);
    assert.equal(app.logger.warningCount + app.logger.errorCount, 0);
  });

  for (const version of versions) {
    it(`runs under Node ${version}`, () => {
      install(`node-linux-${process.arch === "arm64" ? "arm64" : "x64"}@${version}`);
      const node = join(folder, `node_modules/node-linux-${process.arch}/bin/node`);
      writeFileSync(join(folder, "failover.js"), failover);
      const said = execFileSync(node, ["failover.js"], { cwd: folder, encoding: "utf8" });
      assert.equal(said.trim(), `v${version} a b`);
    });
  }

  it(`takes at most ${memoryLimitMiB} MiB more than one HTTPS connection`, async (t) => {
    const figures = await measureMemory(folder, await makeCertificates());
    t.diagnostic(JSON.stringify(figures));
    assert.ok(figures.followerMiB <= memoryLimitMiB, `${figures.followerMiB} MiB`);
  });
});

/** What a user's own test of a failover looks like. */
const failover = `
import { LeaderElector } from "k8s-await-election";
import { EmbeddedApiServer } from "k8s-await-election/testing";

const server = new EmbeddedApiServer();
const lease = { namespace: "default", name: "demo" };
const led = [];
const start = (identity) => {
  const host = server.replica();
  const elector = new LeaderElector({ lease, identity, host });
  elector
    .campaign((term) => {
      led.push(identity);
      return server.time.sleep(1e9, { signal: term.signal });
    })
    .catch(() => {});
  return host;
};
const a = start("a");
await server.time.advance(1000);
start("b");
await server.time.advance(1000);
a.cut();
await server.time.advance(20_000);
console.log(process.version, ...led);
process.exit();
`;
