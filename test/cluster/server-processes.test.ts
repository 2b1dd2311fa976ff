import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { createServerFolder } from "./server-processes.ts";
import { until } from "./until.ts";

const moduleUrl = new URL("./server-processes.js", import.meta.url).href;

test("createServerFolder() leaves nothing when its process is killed", async () => {
  const script = `
    import { createServerFolder } from ${JSON.stringify(moduleUrl)};
    const folder = await createServerFolder();
    const server = folder.start("sleep", "sleep", ["1000"]);
    console.log(JSON.stringify({ pid: server.pid, path: folder.path }));
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface(owner.stdout), "line")) as [string];
  const { pid, path } = JSON.parse(line) as { readonly pid: number; readonly path: string };
  assert.ok(existsSync(`/proc/${pid}`) && existsSync(path));

  owner.kill("SIGKILL");
  await until("the end of the server", () => (existsSync(`/proc/${pid}`) ? undefined : true));
  await until("the removal of its folder", () => (existsSync(path) ? undefined : true));
});

test("assertAlive() says how the server ended and what it last said", async () => {
  const folder = await createServerFolder();
  const server = folder.start("server", "sh", ["-c", "echo no such flag; exit 3"]);
  await assert.rejects(
    until("the end of the server", () => server.assertAlive()),
    { message: "Cannot run server: it ended with code 3.\nno such flag" },
  );
  await folder.close();
  assert.ok(!existsSync(folder.path));
});
