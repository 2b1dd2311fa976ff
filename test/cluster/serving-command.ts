/**
 * A server as a command: it tells every client its name, and on SIGTERM it is gone at once.
 *
 * `SERVING_PORT` is where it listens. It prints `serves` and `stops`, each with its wall time.
 */
import { createServer } from "node:net";

const name = process.env["K8S_AWAIT_ELECTION_IDENTITY"] ?? "";
const server = createServer((client) => {
  client.on("error", () => client.destroy());
  client.end(`${name}\n`);
});
server.listen(Number(process.env["SERVING_PORT"]), "127.0.0.1", () => tell("serves"));
process.on("SIGTERM", () => {
  tell("stops");
  process.exit(0);
});

function tell(what: string): void {
  process.stdout.write(`${what} ${Date.now()}\n`);
}
