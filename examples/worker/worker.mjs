// Works off a queue in PostgreSQL, on exactly one replica, and so that a leader that was replaced
// cannot write any more: every transaction first claims the queue's fence with its fencing token.
//
// Environment: LEASE_NAMESPACE, LEASE_NAME, QUEUE, and what `pg` reads (PGHOST, PGDATABASE, …).
import { LeaderElector } from "k8s-await-election";
import { Pool } from "pg";

const { LEASE_NAMESPACE = "default", LEASE_NAME = "worker", QUEUE = "billing" } = process.env;

const shutdown = new AbortController();
process.once("SIGTERM", () => shutdown.abort(new Error("SIGTERM")));

const pool = new Pool();
const elector = new LeaderElector({
  lease: { namespace: LEASE_NAMESPACE, name: LEASE_NAME },
  logger: console,
});

try {
  await elector.campaign(work, { signal: shutdown.signal, rejoin: true });
} catch (error) {
  // A shutdown while another replica leads is no failure.
  if (error !== shutdown.signal.reason) throw error;
} finally {
  await pool.end();
}

/** One job after another, until there is no time left to begin one. */
async function work(term) {
  console.log(`working with token ${term.fencingToken}`);
  while (term.isHeld()) {
    const job = await nextJob();
    if (job === undefined) await pause(200, term.signal);
    else await finish(job, job.payload.toUpperCase(), term.fencingToken);
  }
  console.log("stopped working");
}

async function nextJob() {
  const { rows } = await pool.query(
    "SELECT id, payload FROM jobs WHERE queue = $1 AND result IS NULL ORDER BY id LIMIT 1",
    [QUEUE],
  );
  return rows[0];
}

/**
 * The conditional update is the fence: it locks the row, so of two leaders that write at the same time
 * one comes second, and a token that is smaller than what is there changes nothing.
 */
async function finish(job, result, token) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const fence = await client.query(
      `INSERT INTO fences (queue, token) VALUES ($1, $2)
       ON CONFLICT (queue) DO UPDATE SET token = $2 WHERE fences.token <= $2`,
      [QUEUE, token],
    );
    if (fence.rowCount === 0) throw new Error(`fenced: a newer term than ${token} has written`);
    await client.query("UPDATE jobs SET result = $1, token = $2 WHERE id = $3 AND result IS NULL", [
      result,
      token,
      job.id,
    ]);
    await client.query("COMMIT");
    console.log(`finished ${job.id}`);
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

/** The end of the term ends the pause. */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
