/** `examples/worker`: two replicas, a real PostgreSQL, and a fence that holds. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Client } from "pg";
import { EmbeddedApiServer } from "../../../src/testing/index.ts";
import { until } from "../../cluster/until.ts";
import { temporaryFolder } from "../../support/processes.ts";
import { root } from "../pack.ts";
import { findPostgres, startPostgres } from "./postgres.ts";
import { startExample } from "./program.ts";

const programs = findPostgres();
const isNeeded = process.env["CI"] === "true";
const skip = programs === undefined && !isNeeded && "no PostgreSQL: install `postgresql`";

test("worker.mjs hands over on SIGTERM, and does nothing with an old token", {
  skip,
}, async (t) => {
  assert.ok(programs !== undefined, "PostgreSQL is installed");
  const database = await startPostgres(t, programs);
  const server = new EmbeddedApiServer();
  t.after(() => server.close());
  const kubeconfig = join(temporaryFolder(t), "kubeconfig");
  writeFileSync(kubeconfig, (await server.listen()).kubeconfig);
  const { PGHOST: host, PGUSER: user, PGDATABASE: name } = database;
  const client = new Client({ host, user, database: name });
  // The server goes before the client does.
  client.on("error", () => {});
  await client.connect();
  t.after(() => client.end());
  await client.query(readFileSync(join(root, "examples/worker/schema.sql"), "utf8"));
  const addJobs = (count: number) =>
    client.query(
      "INSERT INTO jobs (queue, payload) SELECT 'billing', 'job ' || n FROM generate_series(1, $1) n",
      [count],
    );
  const isDone = async () => {
    const { rows } = await client.query("SELECT count(*) AS n FROM jobs WHERE result IS NULL");
    return rows[0]?.n === "0" ? true : undefined;
  };
  const start = () => startExample(t, "worker/worker.mjs", { ...database, KUBECONFIG: kubeconfig });

  await addJobs(50);
  const first = start();
  const [, firstToken] = await first.untilSaid(/working with token (\d+)/);
  const second = start();
  await second.untilSaid(/the leader is/);
  await until("50 jobs", isDone);
  first.child.kill("SIGTERM");
  assert.equal(await first.ended, 0, first.said());
  assert.match(first.said(), /stopped working/);
  const [, secondToken] = await second.untilSaid(/working with token (\d+)/);
  assert.ok(BigInt(secondToken!) > BigInt(firstToken!));
  await addJobs(50);
  await until("50 more jobs", isDone);
  const { rows } = await client.query(
    "SELECT token, count(*) AS n FROM jobs WHERE result = upper(payload) GROUP BY token ORDER BY token",
  );
  assert.deepEqual(rows, [
    { token: firstToken, n: "50" },
    { token: secondToken, n: "50" },
  ]);

  // As if a third had led meanwhile, and written.
  await client.query("UPDATE fences SET token = token + 1");
  await addJobs(1);
  assert.equal(await second.ended, 1);
  assert.match(second.said(), new RegExp(`fenced: a newer term than ${secondToken} has written`));
  assert.equal(await isDone(), undefined, "the job is left to whoever has the newer term");
});
